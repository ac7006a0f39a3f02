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
	fresh      bool     // no journal: initial_tail and the paths mode skip what is old
	dirty      bool     // positions changed since the journal was written
	saved      time.Time
	synced     time.Time // last Commit
	saveFailed bool

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
	s := &stream{in: in, name: name, out: out, split: split, ghosts: j.Files, woken: make(chan struct{}, 1)}
	s.fresh = len(j.Files) == 0 && first
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
		if err := s.poll(ctx); err != nil {
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
	_, err := s.out.Commit(ctx)
	if closeErr := s.out.Close(ctx); err == nil {
		err = closeErr
	}
	if err == nil { // Close flushed what was held back and made it durable
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
		ino, birth := inode(item.path, item.info)
		if i := slices.IndexFunc(s.files, func(f *file) bool { return f.is(ino, birth) }); i >= 0 {
			s.files[i].found, s.files[i].Path = item, item.path // renamed while the folder was read: listed twice
			continue
		}
		i := slices.IndexFunc(old, func(f *file) bool {
			return f != nil && f.is(ino, birth)
		})
		if i < 0 {
			f := &file{found: item, size: item.info.Size(), grown: now, entry: entry{Path: item.path, Inode: ino, Birth: birth}}
			s.files, fresh = append(s.files, f), append(fresh, f)
			continue
		}
		f := old[i]
		old[i] = nil
		f.found, f.Path, f.gone = item, item.path, false
		if !f.zipped {
			f.size = item.info.Size()
		}
		s.files = append(s.files, f)
	}
	s.retire(old, now)
	for _, f := range fresh {
		if !s.introduce(f, f == s.files[len(s.files)-1]) {
			s.files = slices.DeleteFunc(s.files, func(other *file) bool { return other == f })
		}
	}
	for i, f := range s.files {
		f.current, f.Seen = i == len(s.files)-1, now
	}
	s.fresh = false
	if len(fresh) > 0 {
		s.dirty = true
	}
}

// retire keeps files that lost their name while there is something left to read,
// and remembers the others.
func (s *stream) retire(old []*file, now time.Time) {
	kept := s.files
	for _, f := range old {
		if f == nil {
			continue
		}
		if f.fd != nil && !f.zipped { // it may still be written to for a moment
			if !f.gone {
				f.gone, f.goneAt = true, now
			}
			kept = slices.Insert(kept, 0, f)
			continue
		}
		s.ghosts = append(s.ghosts, f.seal())
		f.close()
	}
	s.files = kept
	s.ghosts = slices.DeleteFunc(s.ghosts, func(e entry) bool { return !e.Seen.IsZero() && now.Sub(e.Seen) > keepGone })
	if n := len(s.ghosts) - keepGoneN; n > 0 && len(s.files) > 0 {
		s.ghosts = slices.Delete(s.ghosts, 0, n)
	}
}

func (s *stream) holds(f *file) bool {
	return slices.ContainsFunc(s.held, func(o origin) bool { return o.f == f })
}

// length asks the open file for its size.
func (f *file) length() int64 {
	if f.fd == nil {
		return f.size
	}
	info, err := f.fd.Stat()
	if err != nil {
		return f.size
	}
	return info.Size()
}

// introduce decides where the reading of a new file begins: where the journal
// says, where its content was read to under another name, at its end, or at its
// start.
// It reports false when the file cannot be read now; a later scan tries again.
func (s *stream) introduce(f *file, newest bool) bool {
	if err := f.open(); err != nil {
		s.fail(f, err)
		return false
	}
	defer func() {
		s.in.log.Debug("log file found", "stream", s.name, "path", f.Path, "inode", f.Inode, "birth", f.Birth, "generation", f.Generation, "offset", f.pos, "size", f.size)
		if f.pos >= f.size && !f.zipped && !newest {
			f.close()
		}
	}()
	if e := s.known(f); e != nil {
		path, ino, birth := f.Path, f.Inode, f.Birth
		f.entry = *e
		f.Path, f.Inode, f.Birth, f.pos = path, ino, birth, e.Offset
		f.sum, f.sumAt, f.proven = e.TailHash, e.Offset, e.Offset
		return true
	}
	if f.size == 0 {
		return true // an identity needs some bytes
	}
	if err := f.identify(s.name); err != nil {
		s.fail(f, err)
		return false
	}
	if s.fresh && (s.in.cfg.InitialTail || f.found.rotated) && !f.zipped {
		f.pos, f.Offset = f.size, f.size
		f.mark()
	}
	return true
}

// known returns what is remembered of f's content: its own entry first, else
// that of a file it is a copy of.
func (s *stream) known(f *file) *entry {
	for i, e := range s.ghosts {
		if !e.is(f.Inode, f.Birth) {
			continue
		}
		if f.proves(&e) || (e.Offset == 0 && f.begins(&e)) {
			s.ghosts = slices.Delete(s.ghosts, i, i+1)
			return &e
		}
		f.Generation = max(f.Generation, e.Generation+1) // overwritten while nobody watched
	}
	for i := len(s.ghosts) - 1; i >= 0; i-- {
		if e := s.ghosts[i]; f.proves(&e) {
			s.ghosts = slices.Delete(s.ghosts, i, i+1)
			return &e
		}
	}
	for _, other := range s.files { // a copy made just before its original is truncated
		if other == f || other.ID == 0 || other.zipped {
			continue
		}
		if e := other.seal(); f.proves(&e) {
			return &e
		}
	}
	return nil
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
