package logstream

import (
	"context"
	"errors"
	"io"
	"slices"
	"time"
	"unsafe"

	"github.com/cespare/xxhash/v2"

	"github.com/tocsin-lma/tocsin/pkg/message"
	"github.com/tocsin-lma/tocsin/pkg/splitter"
)

// saveEvery is how often a busy stream writes its journal. What lies between the
// journal and a crash is read again, with the same UUIDs.
const saveEvery = time.Second

// saveRecords is after how many records of the input a stream writes its journal
// at the latest: what is read again must be fewer than a queue remembers.
const saveRecords = 16384

// commitEvery is how often a silent stream commits, so that its decoder can
// flush what it holds.
const commitEvery = time.Second

// poll reads what has come in all files of the stream.
func (s *stream) poll(ctx context.Context, now time.Time) error {
	for i := 0; i < len(s.files) && ctx.Err() == nil; i++ {
		f := s.files[i]
		if !s.look(f) || !s.vouch(f) {
			continue
		}
		if s.cutting != f {
			if !s.in.lines() && slices.Index(s.files, s.cutting) < i { // it will not go on, the stream is past it
				if err := s.flush(s.cutting); err != nil {
					return err
				}
			}
			s.split.Reset()
			s.cutting = f
		}
		if err := s.drain(ctx, f); err != nil {
			return err
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err := s.flushIdle(now); err != nil {
		return err
	}
	s.release(now)
	if now.Sub(s.synced) >= commitEvery {
		if err := s.commit(ctx); err != nil {
			return err
		}
	}
	s.save(false)
	return nil
}

// look reports whether f has unread bytes. It follows the newest file closely
// and the others as far as the scan or an open descriptor tells.
func (s *stream) look(f *file) bool {
	if f.ZipSize != 0 && f.ZipSize == f.found.size {
		return false
	}
	if f.zipped && f.fd != nil {
		return true
	}
	s.measure(f)
	if !f.zipped && (f.size == f.pos || f.size == f.tried) && f.mtime == f.checked {
		return false
	}
	if err := f.open(); err != nil {
		s.fail(f, err)
		return false
	}
	f.failed = false
	f.refresh() // what the scan saw may be older than what was read since
	if f.size == 0 && f.pos == 0 {
		f.checked = f.mtime
		return false
	}
	if f.ID == 0 {
		if err := f.identify(s.in.opt.Hostname, s.name); err != nil {
			s.fail(f, err)
			f.abandon()
			return false
		}
	}
	if !f.zipped && (f.size < f.pos || !f.intact()) {
		s.restart(f)
	}
	f.checked = f.mtime
	return f.zipped || f.pos < f.size
}

// vouch reports whether the identity of f would survive a crash: it must be in
// the journal before the first record under it goes out. A full disk makes the
// records wait in their file.
func (s *stream) vouch(f *file) bool {
	if f.ID != 0 && f.journaled != f.ID {
		s.write(f)
	}
	return f.ID != 0 && f.journaled == f.ID
}

// measure finds the size of f, and whether its name leads elsewhere.
func (s *stream) measure(f *file) {
	if f.current && !f.gone {
		st, err := examinePath(f.Path)
		if err == nil && f.is(st) {
			f.size, f.mtime = st.size, st.mtime
			return
		}
		f.gone, f.goneAt = true, time.Now()
		s.in.wake()
	}
	f.refresh()
}

// restart takes f as a new file: it was truncated. A copy of what it held may
// still turn up.
func (s *stream) restart(f *file) {
	s.in.stats.truncations.Add(1)
	s.in.log.Info("log file truncated", "stream", s.name, "path", f.Path, "offset", f.pos, "size", f.size)
	now := time.Now()
	s.bury(f, now)
	s.held = slices.DeleteFunc(s.held, func(o origin) bool { return o.f == f })
	f.entry = entry{Path: f.Path, Inode: f.Inode, Birth: f.Birth, Generation: f.Generation + 1, Seen: now}
	f.pos, f.tried, f.last, f.adopted = 0, 0, nil, false
	if s.cutting == f {
		s.split.Reset()
	}
	if f.refresh(); f.size > 0 {
		if err := f.identify(s.in.opt.Hostname, s.name); err != nil {
			s.fail(f, err)
		}
	}
	s.dirty = true
	s.in.wake()
}

// turnChunks is how many chunks a stream may read in one turn. Its journal has to
// be written for what the others read meanwhile, so turns are not too short.
const turnChunks = 8

// drain reads f to its end, committing after every chunk. Streams take turns, a
// few chunks each: memory does not grow with their number.
func (s *stream) drain(ctx context.Context, f *file) error {
	begun := f.pos > 0
	var carry []byte // of a compressed file, which cannot be read again cheaply
	for {
		select {
		case s.in.turns <- struct{}{}:
		case <-ctx.Done():
			f.gz = nil
			return nil
		}
		more, err := true, error(nil)
		for n := 0; n < turnChunks && more && err == nil && ctx.Err() == nil; n++ {
			carry, more, err = s.chunk(ctx, f, carry, begun)
			begun = true
		}
		<-s.in.turns
		if err != nil || !more {
			return err
		}
	}
}

// chunk reads, emits and commits the next chunk of f, which begins with carry.
// more is false at its end; rest is to be carried on.
func (s *stream) chunk(ctx context.Context, f *file, carry []byte, begun bool) (rest []byte, more bool, err error) {
	buf := s.in.bufs.Get().(*[]byte)
	defer s.in.bufs.Put(buf)
	have := copy(*buf, carry)
	n, err := f.read((*buf)[have:])
	ended := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
	if err != nil && !ended {
		s.fail(f, err)
		f.abandon()
		return nil, false, nil
	}
	have += n
	if !f.zipped && have > 0 && (!f.intact() || f.pos == 0 && !f.starts((*buf)[:have])) {
		s.restart(f)
		return nil, false, nil
	}
	used := 0
	if have > 0 {
		f.grown = time.Now()
		s.in.stats.bytes.Add(uint64(n))
		if used, err = s.cut(f, (*buf)[:have], f.zipped && errors.Is(err, io.EOF)); err != nil {
			return nil, false, err
		}
		if err := s.commit(ctx); err != nil {
			return nil, false, err
		}
	}
	if ended {
		f.ended(have - used)
	}
	s.save(!begun && f.pos > 0) // at once, so that what was read can be recognised
	if !ended && f.zipped {
		rest = append(rest, (*buf)[used:have]...)
	}
	return rest, !ended, nil
}

// ended notes that f was read to its end, but for an unfinished record.
func (f *file) ended(rest int) {
	if f.zipped {
		f.abandon()
		return
	}
	f.size = max(f.size, f.pos+int64(rest))
	f.tried = f.pos + int64(rest)
}

// abandon closes f; a compressed file is not read again until its size changes.
func (f *file) abandon() {
	if f.zipped {
		f.ZipSize = f.found.size
	}
	f.close()
}

// cut emits the records in data, which begins at f's position, and moves the
// position. final: nothing will follow.
func (s *stream) cut(f *file, data []byte, final bool) (used int, err error) {
	now := time.Now().UnixNano()
	var ends [keepMarks]int // of the last records
	n := 0
	for used < len(data) {
		record, advance, err := s.split.Split(data[used:], final)
		if size, tooLong := splitter.IsTooLong(err); tooLong {
			s.in.stats.tooLong.Add(1)
			s.in.log.Warn("record too long", "stream", s.name, "path", f.Path, "offset", f.pos, "size", size, "limit", s.split.Limit())
		} else if err != nil {
			f.remember(data[:used], recent(ends, n))
			return used, err
		}
		if advance == 0 {
			break
		}
		if record != nil {
			s.held = append(s.held, origin{f, f.pos})
			// With the content in it, another record at that place is another record,
			// even if its file was taken for the wrong one.
			s.msg.UUID = message.DerivedUUID(f.ID^xxhash.Sum64(record), uint64(f.pos), 0)
			s.msg.Timestamp = now
			s.msg.Payload = unsafe.String(unsafe.SliceData(record), len(record)) // valid until Emit returns
			if err := s.out.Emit(&s.msg); err != nil {
				s.broken = true
				f.remember(data[:used], recent(ends, n))
				return used, err
			}
			s.in.stats.records.Add(1)
		}
		f.pos += int64(advance)
		used += advance
		ends[n%keepMarks] = used
		n++
		s.dirty = true
	}
	f.remember(data[:used], recent(ends, n))
	return used, nil
}

// recent returns the last of n numbers that were put into a ring.
func recent(ring [keepMarks]int, n int) []int {
	if n <= keepMarks {
		return ring[:n]
	}
	at := n % keepMarks
	return slices.Concat(ring[at:], ring[:at])
}

// commit makes what was emitted durable and lets the positions follow. What was
// emitted is not given up because the input is to end: at a reload the next one
// would read it again, and a filter that lives on would count it twice. A queue
// that has no room gives up by itself when its pipeline stops.
func (s *stream) commit(ctx context.Context) error {
	held, err := s.out.Commit(context.WithoutCancel(ctx))
	if err != nil {
		s.broken = true
		return err
	}
	s.synced = time.Now()
	s.settle(held)
	return nil
}

// settle moves the durable positions up to the first of the newest held records.
func (s *stream) settle(held int) {
	for _, f := range s.files {
		offset := f.pos
		if f == s.cutting {
			offset -= s.split.Pending()
		}
		if offset != f.Offset {
			f.Offset, s.dirty = offset, true
		}
	}
	if n := len(s.held) - held; n > 0 {
		s.held = append(s.held[:0], s.held[n:]...)
	}
	for i := len(s.held) - 1; i >= 0; i-- {
		o := s.held[i]
		o.f.Offset = min(o.f.Offset, o.offset)
	}
}

// flushIdle delivers an unfinished last record when its end has not come for a
// while. A line waits on as long as its file may still grow.
func (s *stream) flushIdle(now time.Time) error {
	for _, f := range s.files {
		if f.pos >= f.size || f.fd == nil || now.Sub(f.grown) < s.in.cfg.FlushInterval || f.current && !f.gone && s.in.lines() {
			continue
		}
		if f != s.cutting {
			s.split.Reset()
			s.cutting = f
		}
		if err := s.flush(f); err != nil {
			return err
		}
	}
	return nil
}

// lines reports whether records end at a token, so that one without it was not
// written completely.
func (in *Input) lines() bool {
	e := in.opt.Splitter.Engine
	return e == "" || e == "token" || e == "TokenSplitter"
}

// flush delivers what is left of a file as its last record.
func (s *stream) flush(f *file) error {
	if f == nil || f.fd == nil || f.zipped || f.pos >= f.size || f.tried < f.size || !s.in.opt.Splitter.Incomplete(true) {
		return nil
	}
	buf := s.in.bufs.Get().(*[]byte)
	defer s.in.bufs.Put(buf)
	n, err := f.fd.ReadAt(*buf, f.pos)
	if n == 0 {
		if err != nil && !errors.Is(err, io.EOF) {
			s.fail(f, err)
		}
		return nil
	}
	_, err = s.cut(f, (*buf)[:n], true)
	return err
}

// release closes files that are read to their end and have been silent.
func (s *stream) release(now time.Time) {
	kept := s.files[:0]
	for _, f := range s.files {
		followed := f.current && !f.gone
		if f.fd != nil && !followed && f.pos >= f.size && now.Sub(f.grown) > linger && now.Sub(f.goneAt) > linger {
			f.close()
			f.Marks = f.Marks[max(0, len(f.Marks)-1):] // nobody copies and truncates it now
		}
		if f.gone && f.fd == nil && !s.holds(f) {
			s.bury(f, now)
			continue
		}
		kept = append(kept, f)
	}
	clear(s.files[len(kept):])
	s.files = kept
}

// save writes the journal if positions changed: at once when asked to, else at
// most every saveEvery.
func (s *stream) save(now bool) {
	if s.dirty && (now || time.Since(s.saved) >= saveEvery || s.in.stats.records.Load()-s.savedAt >= saveRecords) {
		s.write(nil)
	}
}

// write writes the journal with all files that were read, and one that will be.
// A new identity is not in it before it is needed, so that there is but one for
// what was read of a file and its copies.
func (s *stream) write(next *file) {
	j := journal{Stream: s.name, Files: make([]entry, 0, len(s.ghosts)+len(s.files))}
	j.Files = append(j.Files, s.ghosts...)
	for _, f := range s.files {
		if f.used() || f == next {
			f.widen()
			j.Files = append(j.Files, f.seal())
		}
	}
	err := j.write(s.in.dir)
	if err != nil && !s.saveFailed {
		s.in.log.Error("journal not written; a restart would read again", "stream", s.name, "error", err)
	}
	s.saveFailed = err != nil
	s.saved, s.savedAt = time.Now(), s.in.stats.records.Load()
	s.dirty = err != nil
	for _, f := range s.files {
		if err == nil && (f.used() || f == next) {
			f.journaled = f.ID
		}
	}
}

// used reports whether records of f may have gone out under its identity.
func (f *file) used() bool {
	return f.ID != 0 && (f.pos > 0 || f.adopted || f.journaled == f.ID)
}
