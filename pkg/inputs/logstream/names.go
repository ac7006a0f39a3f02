package logstream

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// Journals knows which input reads a journal, so that no two of one daemon write
// the same: each would undo the positions of the other. The zero value is ready;
// its methods may be called from any goroutine.
type Journals struct {
	mu    sync.Mutex
	owner map[string]string // path -> input
}

// claim gives a journal to the first input that asks for it, and returns whose it
// is.
func (j *Journals) claim(path, input string) (owner string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.owner == nil {
		j.owner = map[string]string{}
	}
	if owner, ok := j.owner[path]; ok {
		return owner
	}
	j.owner[path] = input
	return input
}

// claim leaves out the streams whose journal is another input's.
func (in *Input) claim(streams map[string][]found, problems map[string]error) {
	for name := range streams {
		path := journalPath(in.dir, name)
		if owner := in.opt.Journals.claim(path, in.opt.Name); owner != in.opt.Name {
			problems[name] = fmt.Errorf("stream %s has %d files here, and input %s reads a stream of that name: both would keep their positions in %s; give one of the inputs another differentiator or journal_directory", name, len(streams[name]), owner, path)
			delete(streams, name)
		}
	}
}

// Clash tells what two inputs call their streams when it is certain, before there
// are any files, that they would keep the positions of different files, or of the
// same ones twice, in one journal. Names that come from the names of files may turn
// out to be the same later; see Journals.
func Clash(a, b *Input) (streams string, found bool) {
	if a.journals() != b.journals() {
		return "", false
	}
	for _, name := range a.names() {
		if slices.Contains(b.names(), name) {
			return name, true
		}
	}
	if a.match == nil || b.match == nil || a.match.pattern.String() != b.match.pattern.String() || !slices.Equal(a.match.parts, b.match.parts) {
		return "", false
	}
	return strings.Join(a.cfg.Differentiator, " + "), true // the same files, named alike
}

func (in *Input) journals() string {
	if dir, err := filepath.Abs(in.dir); err == nil {
		return dir
	}
	return filepath.Clean(in.dir)
}

// names returns what streams are called whatever files there are.
func (in *Input) names() (names []string) {
	if m := in.match; m != nil {
		if len(m.parts) == 0 {
			return []string{m.name}
		}
		if slices.ContainsFunc(m.parts, func(p part) bool { return p.group >= 0 }) {
			return nil
		}
		return []string{strings.Join(in.cfg.Differentiator, "")}
	}
	for _, glob := range in.cfg.Paths {
		if !strings.ContainsAny(glob, globs) {
			names = append(names, in.pathStream(glob, glob))
		}
	}
	return names
}
