package sandbox

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"

	lua "github.com/yuin/gopher-lua"

	"github.com/tocsin-lma/tocsin/pkg/lpeg"
	"github.com/tocsin-lma/tocsin/pkg/sandbox/entry"
)

// Template is a plugin that was loaded and checked once, from which any number of
// sandboxes is started. A decoder whose grammar calls no Lua function is not
// loaded again: its sandboxes share the patterns and what the script said, and
// have a message, evaluators and multi-line state of their own, but no Lua state.
//
// A Template never changes. Its methods may be called by several goroutines, and
// its sandboxes may run on different ones.
type Template struct {
	opts  Options
	proto *declarative // never run itself; nil: every sandbox loads the script
	host  *lpeg.ForeignHost
	files []string
}

// NewTemplate loads the plugin once, without its preserved data. The error is why
// it does not load.
func NewTemplate(opts Options) (*Template, error) {
	opts.normalise()
	text, _, err := opts.source()
	if err != nil {
		return nil, err
	}
	opts.Source = text
	opts.modules = &moduleTexts{}
	trial := opts
	trial.PreserveFile, trial.TimerOnShutdown = "", false
	p, err := Open(trial)
	if err != nil {
		return nil, err
	}
	t := &Template{opts: opts, files: p.Files()}
	opts.modules.sealed = true
	if p.decl != nil {
		f := freezer{tables: map[*lua.LTable]map[lua.LValue]lpeg.Value{}}
		if f.all(p.decl) {
			t.proto, t.host = p.decl, f.host()
		}
	}
	p.abandon()
	p.strip()
	return t, nil
}

// Options returns what the plugin was opened with.
func (t *Template) Options() Options { return t.opts }

// Digest identifies the texts that the plugin was loaded from.
func (t *Template) Digest() string {
	sum := sha256.New()
	sum.Write(t.opts.Source)
	for _, name := range slices.Sorted(maps.Keys(t.opts.modules.texts)) {
		fmt.Fprintf(sum, "\x00%s\x00%s", name, t.opts.modules.texts[name].source)
	}
	return hex.EncodeToString(sum.Sum(nil)[:6])
}

// Declarative tells whether the plugin is a grammar run by the engine.
func (t *Template) Declarative() bool { return t.proto != nil }

// Files returns the files on disk that were read to load the plugin, or looked
// for: a change of one of them, or its appearance, may change the plugin.
func (t *Template) Files() []string { return t.files }

// Open starts a sandbox.
func (t *Template) Open() (*Plugin, error) {
	if t.proto == nil {
		return Open(t.opts)
	}
	p := &Plugin{opts: t.opts, zone: t.proto.p.zone, lastSaved: t.opts.Clock()}
	p.decl = t.proto.start(p, t.host)
	return p, nil
}

// start makes a decoder of the same script for another stream. d has not run.
func (d *declarative) start(p *Plugin, host *lpeg.ForeignHost) *declarative {
	own := *d
	own.p = p
	own.values, own.second = lpeg.NewValues(host), lpeg.NewValues(host)
	own.values.SetLimits(patternLimits(p.opts.Limits))
	own.second.SetLimits(patternLimits(p.opts.Limits))
	own.counted = own.pass
	own.grammar, own.logger = d.grammar.fresh(), d.logger.fresh()
	own.enough, own.extract = d.enough.fresh(), freshRules(d.extract)
	own.layout = d.layout.fresh()
	own.reader, own.later, own.weak, own.line = entry.Reader{}, nil, nil, nil
	if d.multi != nil {
		multi := *d.multi
		multi.d = &own
		multi.start, multi.continuation, multi.open = d.multi.start.fresh(), d.multi.continuation.fresh(), d.multi.open.fresh()
		multi.part, multi.glue = d.multi.part.fresh(), d.multi.glue.fresh()
		own.multi = &multi
	}
	return &own
}

// fresh returns the rule without what it remembers of matches.
func (r *rule) fresh() *rule {
	if r == nil {
		return nil
	}
	return &rule{pattern: r.pattern, holds: r.holds}
}

func freshRules(rules []*rule) []*rule {
	var own []*rule
	for _, r := range rules {
		own = append(own, r.fresh())
	}
	return own
}

// fresh returns a layout with slots of its own; what the script said is shared.
func (l *layout) fresh() *layout {
	own := *l
	own.slots = maps.Clone(l.slots)
	for name, s := range l.slots {
		s := *s
		own.slots[name] = &s
	}
	for _, s := range own.slots {
		s.into = own.slots[s.into.name]
		s.entry = s.entry.fresh(own.slots)
		s.grammar = freshRules(s.grammar)
	}
	own.labelled = own.slots[severityLabel]
	own.added = nil
	for _, s := range l.added {
		own.added = append(own.added, own.slots[s.name])
	}
	return &own
}

// freezer finds out whether a decoder runs without Lua, and copies the tables that
// its grammar looks things up in, so that no goroutine reads a table of a state.
type freezer struct {
	tables map[*lua.LTable]map[lua.LValue]lpeg.Value
}

func (f *freezer) all(d *declarative) bool {
	rules := append([]*rule{d.grammar, d.logger, d.enough}, d.extract...)
	d.layout.eachRule(func(r *rule) { rules = append(rules, r) })
	if m := d.multi; m != nil {
		rules = append(rules, m.start, m.continuation, m.open, m.part, m.glue)
	}
	for _, r := range rules {
		if r != nil && !r.pattern.EachOperand(f.operand) {
			return false
		}
	}
	return true
}

// operand reports whether an operand of a capture needs no Lua.
func (f *freezer) operand(kind lpeg.CaptureKind, operand any) bool {
	switch v := operand.(type) {
	case string, float64, lpeg.Folder, lua.LString, lua.LNumber, lua.LBool, *lua.LNilType:
		return true
	case *lua.LTable:
		return kind == lpeg.CaptureReuse || kind == lpeg.CaptureQuery && f.table(v)
	}
	return false
}

func (f *freezer) table(t *lua.LTable) bool {
	if f.tables[t] != nil {
		return true
	}
	if t.Metatable != nil && t.Metatable != lua.LNil {
		return false
	}
	frozen := map[lua.LValue]lpeg.Value{}
	for k, v := t.Next(lua.LNil); k != lua.LNil; k, v = t.Next(k) {
		switch v := v.(type) {
		case lua.LString:
			frozen[k] = lpeg.TextValue(string(v))
		case lua.LNumber:
			frozen[k] = lpeg.NumberValue(float64(v))
		case lua.LBool:
			frozen[k] = lpeg.BoolValue(bool(v))
		default:
			return false
		}
	}
	f.tables[t] = frozen
	return true
}

// host is the foreignHost of the sandboxes that share a decoder.
func (f *freezer) host() *lpeg.ForeignHost {
	host := foreignHost()
	host.Query = func(table any, key lpeg.Value) (lpeg.Value, bool, error) {
		t, _ := table.(*lua.LTable)
		frozen, ok := f.tables[t]
		if !ok {
			return lpeg.Value{}, false, fmt.Errorf("look up a captured value: %w", errNeedsLua)
		}
		var k lua.LValue
		switch key.Kind {
		case lpeg.KindText:
			k = lua.LString(key.Text)
		case lpeg.KindNumber:
			k = lua.LNumber(key.Number)
		case lpeg.KindBool:
			k = lua.LBool(key.Bool)
		default:
			return lpeg.Value{}, false, nil
		}
		v, ok := frozen[k]
		return v, ok, nil
	}
	return host
}

// strip lets go of a prototype's Lua state; functions of its patterns may still
// refer to the plugin.
func (p *Plugin) strip() { p.eng, p.L, p.baseline = nil, nil, nil }
