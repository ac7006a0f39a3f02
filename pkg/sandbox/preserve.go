package sandbox

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"sort"
	"strconv"

	lua "github.com/yuin/gopher-lua"
)

// preserver is what a userdata that survives a restart implements.
type preserver interface {
	// AppendRestore appends Lua statements that make an equal value and assign
	// it to the variable called name. text makes a Lua expression of a string.
	AppendRestore(dst []byte, name string, text func(string) string) []byte
}

// errFunctionKey refuses a table that no file can hold.
var errFunctionKey = errors.New("a table has a function as a key")

const preservationVersion = "_PRESERVATION_VERSION"

// Save writes the plugin's globals to the preservation file, if it has one: as
// Lua assignments, into a temporary file that is synced and then renamed.
func (p *Plugin) Save() error {
	if p.opts.PreserveFile == "" || p.decl != nil {
		return nil
	}
	s := saver{tables: map[*lua.LTable]int{}, skip: p.skipped()}
	text, err := s.globals(p.L.G.Global, p.baseline)
	if err != nil {
		_ = os.Remove(p.opts.PreserveFile)
		return fmt.Errorf("preserve plugin %s: %w", p.opts.Name, err)
	}
	if err := writeAtomic(p.opts.PreserveFile, text); err != nil {
		return fmt.Errorf("preserve plugin %s: %w", p.opts.Name, err)
	}
	return nil
}

// restore runs the preservation file. Data of another version is left alone.
func (p *Plugin) restore() error {
	if p.opts.PreserveFile == "" {
		return nil
	}
	text, err := os.ReadFile(p.opts.PreserveFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read preserved data: %w", err)
	}
	if !sameVersion(text, p.eng.global(preservationVersion)) {
		return nil
	}
	for _, piece := range bytes.Split(text, []byte(pieceMark)) {
		if err := p.eng.run(piece, filepath.Base(p.opts.PreserveFile)); err != nil {
			return fmt.Errorf("restore preserved data %s: %w; remove the file to start afresh", p.opts.PreserveFile, err)
		}
	}
	p.eng.vm.SetGlobal(tablesName, lua.LNil)
	p.eng.vm.SetGlobal(textName, lua.LNil)
	return nil
}

// sameVersion compares the version in the file's first line with the script's.
// A file without such a line says itself what it is for.
func sameVersion(text []byte, version lua.LValue) bool {
	first, _, _ := bytes.Cut(text, []byte("\n"))
	stored, found := bytes.CutPrefix(first, []byte(versionMark))
	return !found || string(stored) == strconv.Itoa(versionOf(version))
}

func versionOf(v lua.LValue) int {
	n, _ := v.(lua.LNumber)
	return int(n)
}

// The file is Lua in pieces, each small enough to be loaded by itself: strings
// and tables of any size come back.
const (
	versionMark = "-- version "
	pieceMark   = "\n-- piece\n"
	pieceSize   = 64 << 10
	longText    = 32 << 10
	tablesName  = "__preserved_tables"
	textName    = "__preserved_text"
)

// remember notes the globals the engine made, which are not the plugin's.
func (p *Plugin) remember() {
	p.baseline = map[lua.LValue]lua.LValue{}
	for k, v := p.L.G.Global.Next(lua.LNil); k != lua.LNil; k, v = p.L.G.Global.Next(k) {
		p.baseline[k] = v
	}
}

// skipped returns the tables that are libraries or modules.
func (p *Plugin) skipped() map[*lua.LTable]bool {
	skip := map[*lua.LTable]bool{p.L.G.Global: true}
	if loaded, ok := p.L.G.Registry.RawGetString("_LOADED").(*lua.LTable); ok {
		for k, v := loaded.Next(lua.LNil); k != lua.LNil; k, v = loaded.Next(k) {
			if t, ok := v.(*lua.LTable); ok {
				skip[t] = true
			}
		}
	}
	return skip
}

// saver writes the tables first, by number, and then the globals that refer to
// them, so that shared and cyclic tables come back as they were.
type saver struct {
	tables map[*lua.LTable]int
	skip   map[*lua.LTable]bool
	out    []byte
	piece  int // where the current piece begins
}

func (s *saver) globals(g *lua.LTable, baseline map[lua.LValue]lua.LValue) ([]byte, error) {
	s.out = fmt.Appendf(s.out, "%s%d\n%s = {}", versionMark, versionOf(g.RawGetString(preservationVersion)), tablesName)
	s.line()
	var names []lua.LValue
	for k, v := g.Next(lua.LNil); k != lua.LNil; k, v = g.Next(k) {
		if name, ok := k.(lua.LString); ok && baseline[k] != v && name != preservationVersion {
			names = append(names, k)
		}
	}
	sort.Slice(names, func(i, j int) bool { return names[i].(lua.LString) < names[j].(lua.LString) })
	for _, k := range names {
		name := "_G[" + luaQuote(string(k.(lua.LString))) + "]"
		if err := s.assign(name, g.RawGet(k)); err != nil {
			return nil, err
		}
	}
	return s.out, nil
}

// line ends a statement; marks of pieces stand between statements only.
func (s *saver) line() {
	if len(s.out)-s.piece < pieceSize {
		s.out = append(s.out, '\n')
		return
	}
	s.out = append(s.out, pieceMark...)
	s.piece = len(s.out)
}

// text returns a Lua expression for v. A long one is put together beforehand.
func (s *saver) text(v string) string {
	if len(v) <= longText {
		return luaQuote(v)
	}
	s.out = append(s.out, textName+` = ""`...)
	s.line()
	for len(v) > 0 {
		n := min(len(v), longText)
		s.out = append(s.out, textName+" = "+textName+" .. "+luaQuote(v[:n])...)
		s.line()
		v = v[n:]
	}
	return textName
}

// assign writes name = value; what cannot be kept is left out.
func (s *saver) assign(name string, value lua.LValue) error {
	switch v := value.(type) {
	case *lua.LTable:
		if v.Metatable != lua.LNil && v.Metatable != nil || s.skip[v] {
			return nil
		}
		id, err := s.table(v)
		if err != nil {
			return err
		}
		s.out = fmt.Appendf(s.out, "%s = %s[%d]", name, tablesName, id)
		s.line()
	case *lua.LUserData:
		if u, ok := v.Value.(preserver); ok {
			statements := u.AppendRestore(nil, name, s.text)
			s.out = append(s.out, statements...)
			s.line()
		}
	case lua.LString:
		text := s.text(string(v))
		s.out = fmt.Appendf(s.out, "%s = %s", name, text)
		s.line()
	default:
		if text, ok := literal(value); ok {
			s.out = fmt.Appendf(s.out, "%s = %s", name, text)
			s.line()
		}
	}
	return nil
}

func (s *saver) table(t *lua.LTable) (int, error) {
	if id, ok := s.tables[t]; ok {
		return id, nil
	}
	id := len(s.tables) + 1
	s.tables[t] = id
	s.out = fmt.Appendf(s.out, "%s[%d] = {}", tablesName, id)
	s.line()
	for k, v := t.Next(lua.LNil); k != lua.LNil; k, v = t.Next(k) {
		if k.Type() == lua.LTFunction {
			return 0, errFunctionKey
		}
		key, ok := literal(k)
		if !ok {
			continue
		}
		if err := s.assign(fmt.Sprintf("%s[%d][%s]", tablesName, id, key), v); err != nil {
			return 0, err
		}
	}
	return id, nil
}

func literal(v lua.LValue) (string, bool) {
	switch v := v.(type) {
	case lua.LString:
		return luaQuote(string(v)), true
	case lua.LBool:
		return strconv.FormatBool(bool(v)), true
	case lua.LNumber:
		n := float64(v)
		switch {
		case math.IsNaN(n):
			return "0/0", true
		case math.IsInf(n, 1):
			return "1/0", true
		case math.IsInf(n, -1):
			return "-1/0", true
		}
		return strconv.FormatFloat(n, 'g', -1, 64), true
	}
	return "", false
}

func writeAtomic(path string, text []byte) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, filepath.Base(path)+".*.tmp")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // gone after the rename
	_, err = f.Write(text)
	if err == nil {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("sync %s: %w", dir, err)
	}
	defer d.Close()
	return d.Sync()
}
