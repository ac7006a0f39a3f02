package buffer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
)

// reader is the place of Next in the files. It is void when the record to read
// is not the one it stands before.
type reader struct {
	seg  *segment
	f    *os.File
	scan scanner
	at   uint64 // number of the record it stands before
}

// Outcome says what became of the messages of a settled record. The rest of
// them was delivered.
type Outcome struct {
	DeadLettered int // refused for good by the far side
	Dropped      int // given up by the sender
}

// Next returns the oldest record that is neither settled nor in flight, and
// waits for one while there is none or while Options.InFlight are out. The data
// is valid until the record is settled. It returns ErrClosed after Close and,
// for a queue open for reading only, io.EOF at the end.
func (q *Queue) Next(ctx context.Context) (Record, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for {
		if q.closed {
			q.reader.close()
			return Record{}, ErrClosed
		}
		if rec, ok := q.again(); ok {
			return rec, nil
		}
		q.skipHoles()
		if q.read.id < q.cur.next.id && (len(q.flights) < q.opts.InFlight || q.opts.ReadOnly) {
			rec, ok, err := q.take()
			if ok || err != nil {
				return rec, err
			}
			continue
		}
		if q.opts.ReadOnly {
			q.reader.close()
			return Record{}, io.EOF
		}
		if err := q.wait(ctx, 0, nil); err != nil {
			return Record{}, err
		}
	}
}

// again hands out a released record.
func (q *Queue) again() (Record, bool) {
	for i := range q.flights {
		f := &q.flights[i]
		if !f.out && !f.done {
			f.out = true
			return f.record(), true
		}
	}
	return Record{}, false
}

func (f *flight) record() Record {
	return Record{ID: f.id, Data: f.frame[headerSize:], Count: int(f.count)}
}

func (q *Queue) skipHoles() {
	for _, h := range q.holes {
		if h.from.id <= q.read.id && q.read.id < h.to.id {
			q.read = h.to
		}
	}
}

// take hands out the record at q.read, from memory or from disk. ok is false
// when there was none after all.
func (q *Queue) take() (rec Record, ok bool, err error) {
	if len(q.memory) > 0 && q.memory[0].id == q.read.id {
		k := q.memory[0]
		q.memory = q.memory[1:]
		q.memBytes -= cap(k.frame)
		q.reader.close()
		return q.send(k.header, k.frame), true, nil
	}
	seg := q.segmentOf(q.read)
	if seg == nil {
		// A range without a segment is a hole that the scan did not know of.
		q.lostAt(q.read, q.behind(q.read), missing)
		return rec, false, nil
	}
	want, epoch, end, buf := q.read, q.epoch, seg.end, q.buffer(0)
	size := seg.size
	q.mu.Unlock()
	h, frame, err := q.reader.get(seg, size, want.id, end.id, buf)
	q.mu.Lock()
	if epoch != q.epoch || q.read != want {
		return rec, false, nil // it was given up meanwhile
	}
	switch {
	case errors.Is(err, io.EOF):
		q.lostAt(want, end, corrupt)
		return rec, false, nil
	case err != nil && q.opts.ReadOnly:
		q.lostAt(want, end, missing)
		return rec, false, nil
	case err != nil:
		q.note(err)
		if errors.Is(err, os.ErrNotExist) {
			q.lostAt(want, end, missing)
			return rec, false, nil
		}
		return rec, false, fmt.Errorf("read queue %s: %w", q.dir, err)
	}
	if h.id > want.id {
		q.lostAt(want, h.pos, corrupt)
		q.skipHoles()
		if q.read.id != h.id {
			return rec, false, nil
		}
	}
	return q.send(h, frame), true, nil
}

// send puts a record in flight.
func (q *Queue) send(h header, frame []byte) Record {
	f := flight{header: h, frame: frame, out: true}
	q.read = h.end()
	if q.opts.ReadOnly {
		return f.record()
	}
	q.flights = append(q.flights, f)
	return f.record()
}

// segmentOf returns the segment that holds the record at p.
func (q *Queue) segmentOf(p pos) *segment {
	for _, s := range q.segments {
		if s.first.id <= p.id && p.id < s.end.id {
			return s
		}
	}
	return nil
}

// behind returns where the next segment behind p begins.
func (q *Queue) behind(p pos) pos {
	for _, s := range q.segments {
		if s.first.id > p.id {
			return s.first
		}
	}
	return q.cur.next
}

// lostAt records a loss that only reading brought to light.
func (q *Queue) lostAt(from, to pos, why reason) {
	q.lose(from, to, why)
	if len(q.flights) == 0 {
		q.passHoles()
	}
	q.skipHoles()
	if !q.opts.ReadOnly {
		q.saveCursor()
	}
}

// get reads the first intact record at or behind number want in the segment. The
// frame is a copy in buf.
func (r *reader) get(seg *segment, size int64, want, to uint64, buf []byte) (header, []byte, error) {
	if r.seg != seg || r.at != want {
		r.close()
		f, err := os.Open(seg.path)
		if err != nil {
			return header{}, nil, fmt.Errorf("read segment: %w", err)
		}
		r.seg, r.f = seg, f
		r.scan = scanner{f: f, window: r.scan.window[:0]}
		r.at = seg.first.id
	}
	r.scan.end = size
	for {
		h, data, err := r.scan.next(r.at, to)
		if err != nil {
			return header{}, nil, err
		}
		r.at = h.id + 1
		if h.id < want {
			continue
		}
		frame := append(buf[:0], make([]byte, headerSize)...)
		return h, append(frame, data...), nil
	}
}

func (r *reader) close() {
	if r.f != nil {
		_ = r.f.Close()
	}
	r.seg, r.f = nil, nil
	r.scan.window = nil
}
