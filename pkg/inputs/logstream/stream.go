package logstream

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync"
	"time"

	"github.com/tocsin-lma/tocsin/pkg/message"
	"github.com/tocsin-lma/tocsin/pkg/splitter"
)

// stream reads the files of one logical log, oldest first.
type stream struct {
	in      *Input
	name    string
	out     message.Stream
	split   *splitter.Limited
	cutting *file // the file whose bytes split has seen
	msg     message.Message

	files      []*file
	ghosts     []entry  // vanished or overwritten files whose copies may turn up
	held       []origin // records that were emitted and may be held back by a decoder
	fresh      bool     // no journal yet: initial_tail and the paths mode skip what is old
	dirty      bool     // positions changed since the journal was written
	saved      time.Time
	savedAt    uint64    // records of the input, then
	synced     time.Time // last Commit
	saveFailed bool
	broken     bool               // a record or a commit was refused: what was emitted since the last one may be lost
	waiting    map[uint64]waiting // by inode: files that may be copies in the making

	mu      sync.Mutex
	offered []found
	pending bool
	woken   chan struct{}
}

// origin is where a record began.
type origin struct {
	f      *file
	offset int64
}

func (in *Input) newStream(name string, out message.Stream, first bool) (*stream, error) {
	split, err := splitter.New(in.opt.Splitter)
	if err != nil {
		return nil, err
	}
	j, err := readJournal(in.dir, name)
	if err != nil {
		in.log.Warn("journal unreadable", "stream", name, "error", err)
	}
	// The journal is written before the first record goes out: without one there was none.
	if b, ok := out.(interface{ Begins() }); ok && err == nil && len(j.Files) == 0 {
		b.Begins()
	}
	now := time.Now()
	for i := range j.Files {
		j.Files[i].Seen = now // how long nobody looked says nothing about the file
	}
	s := &stream{in: in, name: name, out: out, split: split, ghosts: j.Files, waiting: map[uint64]waiting{}, woken: make(chan struct{}, 1)}
	// A stream that had nothing to read yet is in the journal, too: what comes while
	// no process runs is not old.
	s.fresh = !j.known && first
	s.dirty = !j.known
	s.msg = message.Message{Type: "logfile", Logger: name, Hostname: in.opt.Hostname}
	return s, nil
}

// offer hands the stream the list of its files; it does not wait.
func (s *stream) offer(files []found) {
	s.mu.Lock()
	s.offered, s.pending = files, true
	s.mu.Unlock()
	select {
	case s.woken <- struct{}{}:
	default:
	}
}

func (s *stream) run(ctx context.Context) (err error) {
	defer func() {
		if end := s.stop(); err == nil {
			err = end
		}
	}()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.woken:
		case <-timer.C:
		}
		s.arrange(time.Now())
		if err := s.poll(ctx, time.Now()); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("read stream %s: %w", s.name, err)
		}
		timer.Reset(s.in.cfg.CheckInterval)
	}
}

// closeWithin bounds the last commit of a stream.
const closeWithin = 10 * time.Second

// stop closes the stream and writes the last positions. Unfinished records stay
// where they are, to be read again.
func (s *stream) stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), closeWithin)
	defer cancel()
	var err error
	if !s.broken {
		_, err = s.out.Commit(ctx)
	}
	if closeErr := s.out.Close(ctx); err == nil {
		err = closeErr
	}
	if err == nil && !s.broken { // Close flushed what was held back and made it durable
		s.settle(0)
	}
	s.save(true)
	for _, f := range s.files {
		f.close()
	}
	if err != nil {
		return fmt.Errorf("close stream %s: %w", s.name, err)
	}
	return nil
}

// arrange takes over the newest list of files: known ones keep their positions
// under their new names, new ones look for a position of their content.
func (s *stream) arrange(now time.Time) {
	s.mu.Lock()
	list, pending := s.offered, s.pending
	s.offered, s.pending = nil, false
	s.mu.Unlock()
	if !pending {
		return
	}
	old := s.files
	s.files = make([]*file, 0, len(list)+1)
	var fresh []*file
	for _, item := range list {
		same := func(f *file) bool { return f != nil && f.is(item.status) }
		if i := slices.IndexFunc(s.files, same); i >= 0 {
			s.files[i].found, s.files[i].Path = item, item.path // renamed while the folder was read: listed twice
			continue
		}
		i := slices.IndexFunc(old, same)
		if i < 0 {
			f := &file{found: item, size: item.size, grown: now, entry: entry{Path: item.path, Inode: item.inode, Birth: item.birth}}
			s.files, fresh = append(s.files, f), append(fresh, f)
			continue
		}
		f := old[i]
		old[i] = nil
		f.found, f.Path, f.gone = item, item.path, false
		if !f.zipped {
			f.size, f.mtime = item.size, item.mtime
		}
		s.files = append(s.files, f)
	}
	s.retire(old, now)
	if len(fresh) == 0 {
		clear(s.waiting)
	}
	refused := s.introduce(fresh, now)
	s.files = slices.DeleteFunc(s.files, func(f *file) bool { return slices.Contains(refused, f) })
	for i, f := range s.files {
		f.current, f.Seen = i == len(s.files)-1, now
	}
	s.forget(now)
	s.fresh = false
	if len(fresh) > 0 {
		s.dirty = true
	}
}

// retire keeps files that lost their name while there is something left to read,
// and remembers the others.
func (s *stream) retire(old []*file, now time.Time) {
	for _, f := range old {
		if f == nil {
			continue
		}
		if f.fd != nil && !f.zipped { // it may still be written to for a moment
			if !f.gone {
				f.gone, f.goneAt = true, now
			}
			s.files = slices.Insert(s.files, 0, f)
			continue
		}
		s.bury(f, now)
		f.close()
	}
}

// bury remembers what was read of a file that has gone, or was overwritten.
func (s *stream) bury(f *file, now time.Time) {
	if !f.used() {
		return
	}
	e := f.seal()
	e.Seen = now
	s.ghosts = append(s.ghosts, e)
	s.dirty = true
}

// forget drops the oldest of what is remembered of files that have gone. It
// comes after the newest files were told apart, for which it is needed.
func (s *stream) forget(now time.Time) {
	excess := len(s.ghosts) - keepGoneN
	s.ghosts = slices.DeleteFunc(s.ghosts, func(e entry) bool {
		excess--
		age := now.Sub(e.Seen)
		if age < keepAtLeast || excess < 0 && age < keepGone {
			return false
		}
		st, err := examinePath(e.Path)
		return err != nil || !e.is(st)
	})
}

func (s *stream) holds(f *file) bool {
	return slices.ContainsFunc(s.held, func(o origin) bool { return o.f == f })
}

// fail counts and reports a file that cannot be read; one that was renamed is
// looked for at once.
func (s *stream) fail(f *file, err error) {
	if errors.Is(err, errRenamed) || errors.Is(err, fs.ErrNotExist) {
		s.in.wake()
		return
	}
	s.in.stats.readErrors.Add(1)
	if !f.failed {
		f.failed = true
		s.in.log.Warn("log file not readable", "stream", s.name, "path", f.Path, "error", err)
	}
}
