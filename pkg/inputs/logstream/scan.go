package logstream

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// found is a file that belongs to a stream.
type found struct {
	path string
	status
	order   []number
	rotated bool // paths mode: an older generation of the file that was asked for
}

// number sorts files; sub refines time stamps.
type number struct{ main, sub int64 }

// catalogue lists the files of every stream, oldest first. problems names
// streams that cannot be ordered, and folders that cannot be read.
func (in *Input) catalogue(now time.Time) (streams map[string][]found, problems map[string]error) {
	streams, problems = map[string][]found{}, map[string]error{}
	if in.match == nil {
		in.globbed(now, streams)
		return streams, problems
	}
	err := filepath.WalkDir(in.match.root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			if !errors.Is(err, fs.ErrNotExist) || path == in.match.root {
				problems[path] = err
			}
			if d != nil && d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if !d.IsDir() {
			in.consider(path, now, streams)
		}
		return nil
	})
	if err != nil {
		problems[in.match.root] = err
	}
	for name, files := range streams {
		if len(files) > 1 && len(in.match.priority) == 0 {
			problems[name] = fmt.Errorf("stream %s has %d files and no priority to order them; add a group to file_match and name it in priority, or tell them apart by differentiator", name, len(files))
			delete(streams, name)
			continue
		}
		slices.SortStableFunc(files, in.match.compare)
	}
	return streams, problems
}

// consider adds the file at path to its stream if it matches. A compressed
// generation counts by its name without .gz, once the original is gone.
func (in *Input) consider(path string, now time.Time, streams map[string][]found) {
	groups := in.match.pattern.FindStringSubmatchIndex(path)
	subject := path
	if groups == nil {
		plain, gz := strings.CutSuffix(path, ".gz")
		if !gz {
			return
		}
		if groups = in.match.pattern.FindStringSubmatchIndex(plain); groups == nil {
			return
		}
		if _, err := os.Stat(plain); err == nil {
			return
		}
		subject = plain
	}
	st, ok := in.eligible(path, now)
	if !ok {
		return
	}
	name, order := in.match.place(subject, groups)
	streams[name] = append(streams[name], found{path: path, status: st, order: order})
}

// eligible examines a regular file that is young enough and not excluded.
func (in *Input) eligible(path string, now time.Time) (st status, ok bool) {
	for _, glob := range in.cfg.Exclude {
		if ok, _ := filepath.Match(glob, path); ok {
			return st, false
		}
		if ok, _ := filepath.Match(glob, filepath.Base(path)); ok {
			return st, false
		}
	}
	st, err := examinePath(path)
	return st, err == nil && st.regular && now.UnixNano()-st.mtime <= int64(in.cfg.OldestDuration)
}

// place returns the stream's name and the sort numbers of a file.
func (m *matcher) place(path string, groups []int) (string, []number) {
	text := func(g int) (string, bool) {
		if groups[2*g] < 0 {
			return "", false
		}
		return path[groups[2*g]:groups[2*g+1]], true
	}
	var name strings.Builder
	for _, p := range m.parts {
		if p.group < 0 {
			name.WriteString(p.text)
			continue
		}
		s, _ := text(p.group)
		name.WriteString(s)
	}
	if len(m.parts) == 0 {
		name.WriteString(m.name)
	}
	order := make([]number, len(m.priority))
	for i, key := range m.priority {
		s, ok := text(key.group)
		order[i] = m.number(key.name, s, ok)
	}
	return name.String(), order
}

func (m *matcher) compare(a, b found) int {
	for i, key := range m.priority {
		c := cmp.Compare(a.order[i].main, b.order[i].main)
		if c == 0 {
			c = cmp.Compare(a.order[i].sub, b.order[i].sub)
		}
		if key.reverse {
			c = -c
		}
		if c != 0 {
			return c
		}
	}
	return strings.Compare(a.path, b.path)
}

// number turns a group's text into a number: by its translation table, by the
// names of months and days, as a TAI64 label, or as a decimal; -1 otherwise.
func (m *matcher) number(group, text string, present bool) number {
	if table, ok := m.translation[group]; ok {
		key := strings.ToLower(text)
		if !present || text == "" {
			key = "missing"
		}
		if n, ok := table[key]; ok {
			return number{main: int64(n)}
		}
		if len(table) > 1 && key != "missing" {
			return number{main: -1}
		}
	}
	switch {
	case !present || text == "":
		return number{main: -1}
	case group == "MonthName":
		return named(text, monthNames[:])
	case group == "DayName":
		return named(text, dayNames[:])
	}
	if n, ok := tai64(text); ok {
		return n
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return number{main: -1}
	}
	return number{main: n}
}

var (
	monthNames = [...]string{"january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december"}
	dayNames   = [...]string{"monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"}
)

// named returns 1 for the first name; a name may be cut to three letters.
func named(text string, names []string) number {
	text = strings.ToLower(text)
	for i, name := range names {
		if text == name || text == name[:3] {
			return number{main: int64(i + 1)}
		}
	}
	return number{main: -1}
}

var tai64Label = regexp.MustCompile(`^@?(40000000[0-9a-fA-F]{8})([0-9a-fA-F]{8})?`)

// tai64 reads the time stamp svlogd and multilog put into names. It becomes an
// age, like the counters of other rotations: older files have greater numbers
// and the current file, which has none, comes after them under `^`.
func tai64(text string) (number, bool) {
	m := tai64Label.FindStringSubmatch(text)
	if m == nil {
		return number{}, false
	}
	s, err := strconv.ParseInt(m[1], 16, 64)
	if err != nil {
		return number{}, false
	}
	var ns int64
	if m[2] != "" {
		if ns, err = strconv.ParseInt(m[2], 16, 64); err != nil {
			return number{}, false
		}
	}
	const latest = 1<<63 - 1
	return number{main: latest - s, sub: 1<<32 - ns}, true
}

var rotatedSuffix = regexp.MustCompile(`^[.-]\d+(\.gz)?$`)

// globbed lists the streams of the paths mode: each file with the generations
// its rotation left beside it.
func (in *Input) globbed(now time.Time, streams map[string][]found) {
	seen := map[string]bool{}
	for _, glob := range in.cfg.Paths {
		paths, _ := filepath.Glob(glob) // the patterns were checked at load
		for _, path := range paths {
			if seen[path] {
				continue
			}
			seen[path] = true
			st, ok := in.eligible(path, now)
			if !ok {
				continue
			}
			name := in.pathStream(glob, path)
			files := in.generations(path, now)
			streams[name] = append(append(streams[name], files...), found{path: path, status: st})
		}
	}
}

const globs = "*?["

// pathStream is the name of the stream of a path that a glob stands for.
func (in *Input) pathStream(glob, path string) string {
	if !strings.ContainsAny(glob, globs) && len(in.cfg.Paths) == 1 {
		return in.opt.Name
	}
	return in.opt.Name + "." + strings.TrimSuffix(filepath.Base(path), ".log")
}

func (in *Input) generations(path string, now time.Time) []found {
	dir, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return nil
	}
	var files []found
	for _, d := range dir {
		suffix, ok := strings.CutPrefix(d.Name(), filepath.Base(path))
		if !ok || !rotatedSuffix.MatchString(suffix) {
			continue
		}
		if st, ok := in.eligible(path+suffix, now); ok {
			files = append(files, found{path: path + suffix, status: st, rotated: true})
		}
	}
	slices.SortStableFunc(files, func(a, b found) int { return cmp.Compare(a.mtime, b.mtime) })
	return files
}
