package buffer

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
)

// Damage is what Open found to be wrong. The messages it cost are in
// Stats.Dropped; a torn tail costs none, since its Append never returned.
type Damage struct {
	Records      uint64 // lost records
	Segments     int    // segments with damaged bytes
	SkippedBytes int64  // bytes of no intact record
	Foreign      int    // files that are not the queue's and are left alone
	CursorLost   bool   // there were segments and no sound cursor
}

// load finds the segments, reads the cursor and scans every record that is not
// settled yet.
func (q *Queue) load() error {
	before, _ := readCursor(q.file.path)
	if err := q.list(); err != nil {
		return err
	}
	// Again, after the list: a live queue deletes what its cursor has passed.
	cur, found := readCursor(q.file.path)
	cur.next = before.next // what was appended since may be in no listed segment
	q.cur, q.saved = cur, cur.asSaved()
	q.holes = slices.Clone(cur.gone)
	q.damage.CursorLost = !found && len(q.segments) > 0

	l := loader{q: q, at: cur.acked, known: found}
	for i, s := range q.segments {
		to := uint64(math.MaxUint64)
		if i+1 < len(q.segments) {
			to = q.segments[i+1].first.id
		}
		if found && to <= cur.acked.id {
			s.end = pos{id: to}
			continue
		}
		l.scan(s, to)
	}
	q.segments = slices.DeleteFunc(q.segments, func(s *segment) bool { return s.path == "" })
	if l.at.id < cur.next.id {
		why := missing
		if l.damaged {
			why = corrupt
		}
		q.lose(l.at, cur.next, why)
		l.at = cur.next
	}
	q.cur.next = l.at
	q.read = q.cur.acked
	if !q.opts.ReadOnly {
		// Without them a record that comes again is accepted again, which is no loss.
		q.note(q.recent.load(q.cur.next.seq, q.holes))
	}
	q.passHoles()
	if d := q.damage; d.Records > 0 || d.SkippedBytes > 0 || d.Foreign > 0 || d.CursorLost {
		q.opts.Logger.Warn("queue was damaged", "dir", q.dir, "lost_records", d.Records, "damaged_segments", d.Segments,
			"skipped_bytes", d.SkippedBytes, "foreign_files", d.Foreign, "cursor_lost", d.CursorLost)
	}
	return nil
}

// lose adds a hole found by the scan.
func (q *Queue) lose(from, to pos, why reason) {
	before := q.lostRecords()
	q.addHole(from, to, why)
	q.damage.Records += q.lostRecords() - before
}

func (q *Queue) lostRecords() (n uint64) {
	for _, h := range q.holes {
		if h.why != oldest {
			n += h.to.id - h.from.id
		}
	}
	return n
}

// list finds the segments, in order.
func (q *Queue) list() error {
	entries, err := os.ReadDir(q.dir)
	if err != nil {
		return fmt.Errorf("list segments: %w", err)
	}
	for _, e := range entries {
		id, ok := segmentID(e.Name())
		if !ok || !e.Type().IsRegular() {
			if e.Name() != cursorName && e.Name() != recentName {
				q.damage.Foreign++
			}
			continue
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue // a live queue has just deleted it
		}
		if err != nil {
			return fmt.Errorf("list segments: %w", err)
		}
		q.bytes += info.Size()
		q.segments = append(q.segments, &segment{
			first: pos{id: id}, path: filepath.Join(q.dir, e.Name()), size: info.Size(),
		})
	}
	return nil
}

// loader walks all segments in order.
type loader struct {
	q       *Queue
	at      pos  // the end of the last record
	known   bool // at is known: from the cursor or from a first record
	damaged bool // the last segment had bytes of no intact record
	// vanished: a live queue deleted the last segment, which was settled.
	vanished bool
}

// scan reads one segment, whose records have numbers below to.
func (l *loader) scan(s *segment, to uint64) {
	f, err := os.Open(s.path)
	if errors.Is(err, fs.ErrNotExist) && l.q.opts.ReadOnly {
		l.vanished = true
		return
	}
	if err != nil {
		// It is left alone: somebody may mend it. Its records count as damaged.
		l.q.note(fmt.Errorf("read segment: %w", err))
		l.q.damage.Segments++
		l.q.bytes -= s.size
		l.damaged, s.path = true, ""
		return
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil {
		l.q.bytes += info.Size() - s.size
		s.size = info.Size()
	}
	sc := scanner{f: f, end: s.size, window: l.q.reader.scan.window[:0]}
	from, first, good := s.first.id, true, int64(0)
	before := l.damaged
	for {
		h, _, err := sc.next(from, to)
		if errors.Is(err, io.EOF) {
			break
		}
		from = h.id + 1
		if l.known && h.seq < l.at.seq && h.id >= l.at.id {
			continue // of another queue
		}
		good = sc.off
		if first {
			s.first = h.pos
		}
		l.take(h, first && sc.skipped == 0 && !before)
		first = false
	}
	l.q.reader.scan.window = sc.window
	if l.known && sc.known.id > l.at.id {
		l.q.lose(l.at, sc.known, corrupt)
		l.at = sc.known
	}
	if first {
		s.first = pos{s.first.id, l.at.seq}
	}
	s.end = l.at
	l.damaged = sc.skipped > 0
	if l.damaged {
		l.q.damage.Segments++
		l.q.damage.SkippedBytes += sc.skipped
	}
	if !l.q.opts.ReadOnly && to == math.MaxUint64 && good < s.size {
		// The tail is of no use; failing to cut it costs only its space.
		if os.Truncate(s.path, good) == nil {
			l.q.bytes -= s.size - good
			s.size = good
		}
	}
}

// take accounts for an intact record and for the gap before it. whole says that
// nothing between the record and the one before it was found damaged.
func (l *loader) take(h header, whole bool) {
	c := &l.q.cur
	switch {
	case !l.known:
		c.base, c.acked, l.known = h.seq, h.pos, true
	case l.vanished && h.id > l.at.id:
		c.acked, l.vanished = h.pos, false
	case h.id > l.at.id && whole:
		l.q.lose(l.at, h.pos, missing)
	case h.id > l.at.id:
		l.q.lose(l.at, h.pos, corrupt)
	}
	if end := h.end(); end.id > l.at.id {
		l.at = end
	}
}
