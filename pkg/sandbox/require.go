package sandbox

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"sort"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/tocsin-lma/tocsin/pkg/sandbox/modules"
)

// Loader opens a native module: it leaves the module on the stack and returns 1.
type Loader = lua.LGFunction

// alwaysBuiltIn are the native modules no folder can replace: they are part of
// the engine. Another native module gives way to a file of that name in the
// plugin's module folders.
func alwaysBuiltIn(name string) bool {
	switch name {
	case "lpeg", "re", "cjson", "circular_buffer":
		return true
	}
	return false
}

// installModules makes the native modules known to require.
func (p *Plugin) installModules() {
	p.preload("lpeg", p.eng.lpeg.Loader)
	p.preload("re", p.eng.lpeg.LoaderRe)
	limits := modules.Limits{Output: p.opts.Limits.Output, Memory: p.opts.Limits.Memory}
	for _, m := range modules.All(limits) {
		if alwaysBuiltIn(m.Name) || (!p.opts.NoNative && !p.overridden(m.Name)) {
			p.preload(m.Name, m.Open)
		}
	}
	if !p.opts.NoNative {
		if !p.overridden("logtime") {
			p.preload("logtime", p.openLogtime)
		}
		if p.opts.Shipped != nil && !p.overridden("date_time") {
			if source, err := fs.ReadFile(p.opts.Shipped, "date_time.lua"); err == nil {
				p.preload("date_time", func(L *lua.LState) int { return p.openDateTime(L, string(source)) })
			}
		}
	}
	for name, open := range p.opts.Native {
		if !p.overridden(name) {
			p.preload(name, open)
		}
	}
}

// preload makes one native module known and notes when it is asked for.
func (p *Plugin) preload(name string, open Loader) {
	p.eng.vm.Preload(name, func(L *lua.LState) int {
		p.needs.module(name)
		return open(L)
	})
}

func (p *Plugin) overridden(module string) bool {
	for _, dir := range p.opts.ModuleDirs {
		file := filepath.Join(dir, module+".lua")
		p.needs.path(file)
		if _, err := os.Stat(file); err == nil {
			return true
		}
	}
	return false
}

// loadModule finds the source of a Lua module: in the module folders, among the
// shipped modules, and last the tags module the engine makes.
func (p *Plugin) loadModule(name string) (source []byte, chunk string, tried []string, err error) {
	p.needs.module(name)
	if !validModule(name) {
		return nil, "", nil, errors.New("invalid module name '" + name + "'")
	}
	if m, ok := p.opts.modules.get(name); ok {
		return m.source, m.chunk, nil, nil
	}
	file := strings.ReplaceAll(name, ".", "/") + ".lua"
	for _, dir := range p.opts.ModuleDirs {
		full := filepath.Join(dir, filepath.FromSlash(file))
		p.needs.path(full)
		source, err := os.ReadFile(full)
		if err == nil {
			p.opts.modules.put(name, moduleText{source, full})
			return source, full, nil, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return nil, "", nil, fmt.Errorf("read module %s: %w", name, err)
		}
		tried = append(tried, full)
	}
	if p.opts.Shipped != nil {
		source, err := fs.ReadFile(p.opts.Shipped, path.Clean(file))
		if err == nil {
			p.opts.modules.put(name, moduleText{source, file})
			return source, file, nil, nil
		}
		tried = append(tried, file)
	}
	if name == "extra_fields" {
		return []byte(tagsModule(p.opts.Tags)), "extra_fields.lua", nil, nil
	}
	return nil, "", tried, nil
}

// validModule refuses names that could leave the module folders.
func validModule(name string) bool {
	if name == "" || name[0] == '.' || name[len(name)-1] == '.' || strings.Contains(name, "..") {
		return false
	}
	for i := range len(name) {
		c := name[i]
		if c != '_' && c != '.' && c != '-' && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			return false
		}
	}
	return true
}

// tagsModule is the Lua module extra_fields: the common tags, and a function
// that adds them to a message where it has no such field.
func tagsModule(tags map[string]string) string {
	names := make([]string, 0, len(tags))
	for name := range tags {
		names = append(names, name)
	}
	sort.Strings(names)
	var b strings.Builder
	b.WriteString("local pairs = pairs\nlocal M = {}\nsetfenv(1, M)\ntags = {\n")
	for _, name := range names {
		fmt.Fprintf(&b, "  [%s] = %s,\n", luaQuote(name), luaQuote(tags[name]))
	}
	b.WriteString("}\nfunction add_tags(msg)\n  if msg.Fields == nil then msg.Fields = {} end\n" +
		"  for k, v in pairs(tags) do\n    if msg.Fields[k] == nil then msg.Fields[k] = v end\n  end\nend\nreturn M\n")
	return b.String()
}

// luaQuote writes s as a Lua string that reads back byte for byte.
func luaQuote(s string) string {
	var b strings.Builder
	b.Grow(len(s) + 2)
	b.WriteByte('"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c == '\n':
			b.WriteString("\\n")
		case c == '\r':
			b.WriteString("\\r")
		case c == 0 || c < ' ' || c == 0x7f:
			fmt.Fprintf(&b, "\\%03d", c)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}
