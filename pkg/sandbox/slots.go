package sandbox

import (
	"fmt"

	lua "github.com/yuin/gopher-lua"

	"github.com/tocsin-lma/tocsin/pkg/sandbox/entry"
)

// readCaptures reads the global captures: what else the script says about a
// captured name.
func (l *layout) readCaptures(p *Plugin) error {
	return eachEntry(p, "captures", func(name string, v lua.LValue) error {
		t, ok := v.(*lua.LTable)
		if !ok {
			return fmt.Errorf("captures.%s is a %s; want a table", name, v.Type())
		}
		s := l.declared(name)
		for k, v := t.Next(lua.LNil); k != lua.LNil; k, v = t.Next(k) {
			if err := l.readCapture(p, s, t, k.String(), v); err != nil {
				return fmt.Errorf("captures.%s: %w", name, err)
			}
		}
		s.special = s.weak || s.before || s.grammar != nil || s.entry != nil
		return nil
	})
}

func (l *layout) readCapture(p *Plugin, s *slot, all *lua.LTable, key string, v lua.LValue) (err error) {
	ok := true
	switch key {
	case "to":
		s.into = l.declared(v.String())
		s.target = s.into.target
	case "type":
		s.conversion, ok = conversionOf(v.String())
	case "representation":
		s.representation = v.String()
	case "divide":
		s.divide, ok = toNumber(v)
		ok = ok && s.divide != 0
	case "weak":
		s.weak = lua.LVAsBool(v)
	case "before":
		s.before = lua.LVAsBool(v)
	case "grammar":
		s.grammar, err = readRules(p, "grammar", v)
	case "format":
		s.entry, err = l.readEntry(all, v.String())
	case "names", "fields", "required": // of format
		if all.RawGetString("format") == lua.LNil {
			return fmt.Errorf("%s belongs to a format; name one", key)
		}
	default:
		return fmt.Errorf("%s is no option; want to, type, representation, divide, weak, before, grammar, format, names, fields or required", key)
	}
	if !ok {
		return fmt.Errorf("%s is %q", key, v.String())
	}
	return err
}

// readRules reads a pattern or a list of patterns.
func readRules(p *Plugin, what string, v lua.LValue) ([]*rule, error) {
	if pattern, ok := p.eng.lpeg.Pattern(v); ok {
		return []*rule{{pattern: pattern}}, nil
	}
	list, ok := v.(*lua.LTable)
	if !ok {
		return nil, fmt.Errorf("%s is a %s; want a pattern or a list of patterns", what, v.Type())
	}
	var rules []*rule
	for i := 1; list.RawGetInt(i) != lua.LNil; i++ {
		pattern, isPattern := p.eng.lpeg.Pattern(list.RawGetInt(i))
		if !isPattern {
			return nil, fmt.Errorf("%s[%d] is a %s; want a pattern", what, i, list.RawGetInt(i).Type())
		}
		rules = append(rules, &rule{pattern: pattern})
	}
	return rules, nil
}

// entryRule says how a captured text with names of its own is read.
type entryRule struct {
	format   entry.Format
	targets  []*slot
	names    map[string][]choice
	required []string

	all    bool   // what no target takes becomes fields
	member string // so do the members of this one, without its name

	best []chosen // of the entry at hand, by target
}

// choice is a name that a target may be called by.
type choice struct{ target, rank int }

// chosen is the pair that a target gets; -1: none.
type chosen struct{ pair, rank int }

// readEntry reads names (target -> list of names, those that count most first),
// fields ("all", "none" or the name of a member) and required.
func (l *layout) readEntry(t *lua.LTable, format string) (*entryRule, error) {
	e := &entryRule{names: map[string][]choice{}}
	var ok bool
	if e.format, ok = entry.ParseFormat(format); !ok {
		return nil, fmt.Errorf("format is %q; want json, logfmt, structured_data, journal or journal_json", format)
	}
	switch fields := t.RawGetString("fields"); {
	case fields == lua.LNil, fields.String() == "all":
		e.all = true
	case fields.String() != "none":
		e.member = fields.String() + "."
	}
	if names, isTable := t.RawGetString("names").(*lua.LTable); isTable {
		for k, v := names.Next(lua.LNil); k != lua.LNil; k, v = names.Next(k) {
			list := textList(v)
			if len(list) == 0 {
				return nil, fmt.Errorf("names.%s is a %s; want a list of names", k.String(), v.Type())
			}
			for rank, name := range list {
				e.names[name] = append(e.names[name], choice{len(e.targets), rank})
			}
			e.targets = append(e.targets, l.declared(k.String()))
		}
	}
	e.required = textList(t.RawGetString("required"))
	e.best = make([]chosen, len(e.targets))
	return e, nil
}

func textList(v lua.LValue) []string {
	t, ok := v.(*lua.LTable)
	if !ok {
		return nil
	}
	var list []string
	for i := 1; t.RawGetInt(i) != lua.LNil; i++ {
		list = append(list, t.RawGetInt(i).String())
	}
	return list
}

// fresh returns a rule for another stream.
func (e *entryRule) fresh(slots map[string]*slot) *entryRule {
	if e == nil {
		return nil
	}
	own := *e
	own.best = make([]chosen, len(e.best))
	own.targets = make([]*slot, len(e.targets))
	for i, s := range e.targets {
		own.targets[i] = slots[s.name]
	}
	return &own
}

// eachRule calls f for the rules that texts of captures are parsed with.
func (l *layout) eachRule(f func(*rule)) {
	for _, s := range l.slots {
		for _, r := range s.grammar {
			f(r)
		}
	}
}
