package logstream

import (
	"slices"
	"time"

	"github.com/cespare/xxhash/v2"
)

// settleTime is how long a file that may be a copy in the making must not have
// grown before it is taken for what it is.
const settleTime = 3 * time.Second

// newcomer is a file that is seen for the first time.
type newcomer struct {
	*file
	newest bool
	head   []byte // the first bytes of its content
}

// introduce decides where the reading of new files begins: where the journal
// says, where their content was read to under another name, at their end, or at
// their start. Files that have their own entry come first, so that no copy takes
// it from them. It returns those that cannot be read now; a later scan tries
// again.
func (s *stream) introduce(fresh []*file, now time.Time) (refused []*file) {
	var unknown []newcomer
	for _, f := range fresh {
		n := newcomer{file: f, newest: f == s.files[len(s.files)-1]}
		if err := n.open(); err != nil {
			s.fail(f, err)
			refused = append(refused, f)
			continue
		}
		n.refresh()
		n.head, _ = n.content(0, headSize) // whoever reads it reports what is wrong with it
		if !s.resume(n) {
			unknown = append(unknown, n)
		}
	}
	for _, n := range unknown {
		if !s.admit(n, now) {
			refused = append(refused, n.file)
		}
	}
	for _, f := range refused {
		f.close()
	}
	for _, f := range fresh {
		s.in.log.Debug("log file found", "stream", s.name, "path", f.Path, "inode", f.Inode, "birth", f.Birth,
			"generation", f.Generation, "offset", f.pos, "size", f.size)
		if f.pos >= f.size && !f.zipped && f != s.files[len(s.files)-1] {
			f.close()
		}
	}
	return refused
}

// resume goes on where the entry of the same place on disk says. When the
// content is another, the file was overwritten while nobody watched.
func (s *stream) resume(n newcomer) bool {
	own, next := -1, 0
	for i, e := range s.ghosts {
		if !e.is(status{inode: n.Inode, birth: n.Birth}) {
			continue
		}
		next = max(next, e.Generation+1)
		whole := e.ZipSize != 0 && e.ZipSize == n.size // to prove all of an archive takes long
		if (own < 0 || e.Generation >= s.ghosts[own].Generation) && (whole || n.continues(&e, n.head)) {
			own = i
		}
	}
	if own < 0 || !s.adopt(n, s.ghosts[own], s.ghosts[own].Offset) {
		n.Generation = next
		return false
	}
	s.ghosts = slices.Delete(s.ghosts, own, own+1)
	return true
}

// admit takes in a file without an entry of its own. It reports false when it is
// too early to tell what it is: what copies and truncates a file has finished the
// copy when it truncates, so only a file that still is there can have a copy in
// the making.
func (s *stream) admit(n newcomer, now time.Time) bool {
	if s.recognise(n) {
		return true
	}
	doubt, unread := len(n.head) == 0, false
	for _, f := range s.files {
		if f != n.file && n.resembles(f, n.head) {
			doubt = true
			unread = unread || f.pos == 0 && f.ID != 0 && !f.failed
		}
	}
	if doubt && !n.newest && (unread || !s.settled(n, now)) {
		return false
	}
	if len(n.head) == 0 {
		return true // an identity needs some bytes
	}
	return s.begin(n)
}

// recognise takes a file for a copy of the one it has most in common with.
func (s *stream) recognise(n newcomer) bool {
	var best entry
	upTo, ghost := int64(-1), -1
	better := func(to int64, e *entry) bool {
		return to > upTo || to == upTo && e.HeadLen >= best.HeadLen
	}
	for i, e := range s.ghosts {
		if to, ok := n.copies(e); ok && better(to, &e) {
			best, upTo, ghost = e, to, i
		}
	}
	for _, f := range s.files {
		if f == n.file || !f.used() {
			continue
		}
		e := f.seal()
		if to, ok := n.copies(e); ok && better(to, &e) && !s.twins(f, n, &e) {
			best, upTo, ghost = e, to, -1
		}
	}
	best.Marks = slices.DeleteFunc(slices.Clone(best.Marks), func(m mark) bool { return m.At > upTo }) // a copy can be shorter
	if upTo < 0 || !s.adopt(n, best, min(best.Offset, upTo)) {
		return false
	}
	if ghost >= 0 {
		s.ghosts = slices.Delete(s.ghosts, ghost, ghost+1)
	}
	return true
}

// copies reports whether a file proves to be a copy of an entry's, and up to
// where. A copy is younger. The newest file is none, but when all of it is the
// same and that is more than a header: one that was edited. To read a few lines
// again is better than to lose the first ones of a file that was made anew.
func (n *newcomer) copies(e entry) (upTo int64, ok bool) {
	if n.Birth != 0 && n.Birth < e.Birth {
		return 0, false
	}
	upTo, p := n.compare(&e, n.head)
	return upTo, p == confirms && (!n.newest || (n.zipped || upTo >= headSize) && n.continues(&e, n.head))
}

// twins reports whether a file and a newer one of the stream merely begin alike,
// as those of a server that writes the same header into each: the older one has
// its name and all that was read of it, so nobody can have moved it to the other.
func (s *stream) twins(older *file, n newcomer, e *entry) bool {
	if older.gone || slices.Index(s.files, older) > slices.Index(s.files, n.file) || older.open() != nil {
		return false
	}
	head, err := older.content(0, headSize)
	return err == nil && older.continues(e, head)
}

// adopt goes on in a file under the identity of an entry.
func (s *stream) adopt(n newcomer, e entry, offset int64) bool {
	before := n.entry
	n.entry, n.adopted = e, true
	n.Path, n.Inode, n.Birth = before.Path, before.Inode, before.Birth
	n.Generation = max(before.Generation, e.Generation)
	n.Marks = slices.Clone(e.Marks)
	n.HeadLen, n.HeadHash, n.LeadHash = len(n.head), xxhash.Sum64(n.head), leadHash(n.head) // it may be shorter
	n.checked = n.mtime
	if n.zipped && e.ZipSize == n.size { // read to its end
		n.pos = n.Offset
		return true
	}
	n.ZipSize = 0
	if err := n.seek(offset); err != nil {
		s.fail(n.file, err)
		n.entry, n.adopted = before, false
		return false
	}
	return true
}

// begin gives a file its identity, and skips it where old content is not wanted.
func (s *stream) begin(n newcomer) bool {
	if err := n.identify(s.in.opt.Hostname, s.name); err != nil {
		s.fail(n.file, err)
		return false
	}
	if s.fresh && (s.in.cfg.InitialTail || n.found.rotated) && !n.zipped {
		if err := n.seek(n.size); err != nil {
			s.fail(n.file, err)
			return false
		}
	}
	return true
}

// waiting is a file that is watched before it is read.
type waiting struct {
	size  int64
	since time.Time
}

// settled reports whether a file has stayed as it is for settleTime.
func (s *stream) settled(n newcomer, now time.Time) bool {
	w, ok := s.waiting[n.Inode]
	if !ok || w.size != n.size {
		w = waiting{size: n.size, since: now}
		s.waiting[n.Inode] = w
	}
	if now.Sub(w.since) < settleTime {
		return false
	}
	delete(s.waiting, n.Inode)
	return true
}
