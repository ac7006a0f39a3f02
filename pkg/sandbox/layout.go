package sandbox

import (
	"fmt"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/tocsin-lma/tocsin/pkg/message"
)

// target is where a captured name goes.
type target uint8

const (
	toField target = iota
	toNothing
	toTimestamp
	toType
	toLogger
	toHostname
	toPayload
	toEnvVersion
	toSeverity
	toPid
	toLabel    // the field severity_label
	toFraction // of the second, which the Timestamp does not have
)

// conversion is what a captured text becomes.
type conversion uint8

const (
	asIs conversion = iota
	asNumber
	asInteger
	asBoolean
	asHex
	asUUID // text: a UUID with its dashes
)

// slot is what the script says about one captured name.
type slot struct {
	name           string
	representation string
	target         target
	conversion     conversion
	record         uint64 // the last message that has this field
	match          uint64 // the last match that captured this name

	into    *slot   // the slot of the field's name: itself, unless the capture is named otherwise
	divide  float64 // what a number is divided by; 0: by nothing
	plain   bool    // a text becomes a field of this name, as it is
	special bool    // one of the following is set
	before  bool    // stands for the Timestamp of the record before
	weak    bool    // counts only if nothing else gives the same thing
	grammar []*rule // run over the captured text; each that matches adds its captures
	entry   *entryRule
}

func newSlot(name string, t target) *slot {
	s := &slot{name: name, target: t}
	s.into = s
	return s
}

// labelMode is the global severity_label.
type labelMode uint8

const (
	labelKept labelMode = iota
	labelCanonical
	labelUpper
	labelNone
)

// layout is everything a declarative decoder's script says besides its grammar.
type layout struct {
	slots    map[string]*slot
	defaults message.Message
	named    uint8           // the headers defaults has
	fields   []message.Field // default fields, then common tags: added where absent
	added    []*slot         // of these fields
	labelled *slot           // of severity_label
	severity map[string]int32
	fallback int32
	label    labelMode
}

const severityLabel = "severity_label"

func newLayout(p *Plugin) (*layout, error) {
	l := &layout{slots: map[string]*slot{}, severity: severityWords(), fallback: message.DefaultSeverity}
	for name, t := range map[string]target{
		"Timestamp": toTimestamp, "Type": toType, "Logger": toLogger, "Hostname": toHostname, "Payload": toPayload,
		"EnvVersion": toEnvVersion, "Severity": toSeverity, "Pid": toPid, severityLabel: toLabel,
		"TimestampFraction": toFraction,
	} {
		l.slots[name] = newSlot(name, t)
	}
	for _, read := range []func(*Plugin) error{l.readNames, l.readCaptures, l.readDefaults, l.readSeverity, l.readTags} {
		if err := read(p); err != nil {
			return nil, err
		}
	}
	l.labelled = l.slots[severityLabel]
	for i := range l.fields {
		l.added = append(l.added, l.declared(l.fields[i].Name))
	}
	for _, s := range l.slots {
		s.plain = s.target == toField && s.into == s && s.conversion == asIs && s.representation == "" && !s.special
	}
	return l, nil
}

// slot returns what to do with a captured name.
func (l *layout) slot(name string) *slot {
	s := l.slots[name]
	if s == nil {
		name = strings.Clone(name)
		s = newSlot(name, toField)
		if strings.HasPrefix(name, "_") {
			s.target = toNothing
		}
		s.plain = s.target == toField
		if len(l.slots) < maxSlots {
			l.slots[name] = s
		}
	}
	return s
}

// maxSlots bounds the names that are remembered; a grammar's are few and fixed.
const maxSlots = 1024

func (l *layout) declared(name string) *slot {
	s := l.slots[name]
	if s == nil {
		s = newSlot(name, toField)
		if strings.HasPrefix(name, "_") {
			s.target = toNothing
		}
		l.slots[name] = s
	}
	return s
}

// readNames reads the globals types and representations.
func (l *layout) readNames(p *Plugin) error {
	err := eachEntry(p, "types", func(name string, v lua.LValue) error {
		c, ok := conversionOf(v.String())
		if !ok {
			return fmt.Errorf("types.%s is %q; want number, integer, hex, boolean, uuid or string", name, v.String())
		}
		l.declared(name).conversion = c
		return nil
	})
	if err != nil {
		return err
	}
	return eachEntry(p, "representations", func(name string, v lua.LValue) error {
		l.declared(name).representation = v.String()
		return nil
	})
}

func conversionOf(name string) (c conversion, ok bool) {
	switch name {
	case "string":
		return asIs, true
	case "number":
		return asNumber, true
	case "integer":
		return asInteger, true
	case "boolean":
		return asBoolean, true
	case "hex":
		return asHex, true
	case "uuid":
		return asUUID, true
	}
	return asIs, false
}

// eachEntry calls f for the entries of a global table with text keys.
func eachEntry(p *Plugin, global string, f func(name string, v lua.LValue) error) error {
	v := p.eng.global(global)
	if v == lua.LNil {
		return nil
	}
	t, ok := v.(*lua.LTable)
	if !ok {
		return fmt.Errorf("the global %s is a %s; want a table", global, v.Type())
	}
	for k, v := t.Next(lua.LNil); k != lua.LNil; k, v = t.Next(k) {
		name, ok := k.(lua.LString)
		if !ok {
			return fmt.Errorf("the global %s has the key %s; want names", global, k.String())
		}
		if err := f(string(name), v); err != nil {
			return err
		}
	}
	return nil
}

func (l *layout) readDefaults(p *Plugin) error {
	l.defaults.Type = "log"
	v := p.eng.global("defaults")
	if v == lua.LNil {
		return nil
	}
	t, ok := v.(*lua.LTable)
	if !ok {
		return fmt.Errorf("the global defaults is a %s; want a table", v.Type())
	}
	named, err := fromTable(&l.defaults, t, 0)
	if err != nil {
		return fmt.Errorf("read the global defaults: %w", err)
	}
	l.named = named
	l.fields = append(l.fields, l.defaults.Fields...)
	l.defaults.Fields = nil
	return nil
}

func (l *layout) readSeverity(p *Plugin) error {
	err := eachEntry(p, "severity_map", func(name string, v lua.LValue) error {
		n, ok := integer(v)
		if !ok || n < 0 || n > 7 {
			return fmt.Errorf("severity_map.%s is %s; want a severity from 0 to 7", name, v.String())
		}
		l.severity[name] = int32(n)
		return nil
	})
	if err != nil {
		return err
	}
	if n, ok := integer(p.eng.global("severity_default")); ok {
		l.fallback = int32(n)
	}
	switch v := p.eng.global("severity_label"); {
	case v == lua.LNil, v.String() == "keep":
	case v.String() == "canonical":
		l.label = labelCanonical
	case v.String() == "upper":
		l.label = labelUpper
	case v == lua.LFalse:
		l.label = labelNone
	default:
		return fmt.Errorf("the global severity_label is %q; want keep, canonical, upper or false", v.String())
	}
	return nil
}

// readTags takes the common tags of the module extra_fields.
func (l *layout) readTags(p *Plugin) error {
	if p.eng.global("common_tags") == lua.LFalse {
		return nil
	}
	require, ok := p.eng.global("require").(*lua.LFunction)
	if !ok {
		return nil
	}
	module, _, err := p.eng.call(require, lua.LString("extra_fields"))
	if err != nil {
		return fmt.Errorf("read the common tags: %w", err)
	}
	t, ok := module.(*lua.LTable)
	if !ok {
		return nil
	}
	tags, ok := t.RawGetString("tags").(*lua.LTable)
	if !ok {
		return nil
	}
	var m message.Message
	if err := convertFields(&m, tags); err != nil {
		return fmt.Errorf("read the common tags: %w", err)
	}
	l.fields = append(l.fields, m.Fields...)
	return nil
}

// severityOf looks a word up: as it stands, then in capitals.
func (l *layout) severityOf(word string) (int32, bool) {
	if n, ok := l.severity[word]; ok {
		return n, true
	}
	n, ok := l.severity[strings.ToUpper(word)]
	return n, ok
}

// severityWords are the words of syslog, Java, Python, RabbitMQ and Contrail.
func severityWords() map[string]int32 {
	words := map[string]int32{}
	for n, list := range [...]string{
		"EMERGENCY EMER EMERG FATAL PANIC F SYS_EMERG",
		"ALERT A SYS_ALERT",
		"CRITICAL CRIT C SYS_CRIT",
		"ERROR ERR E SYS_ERR",
		"WARNING WARN W SYS_WARN",
		"NOTICE NOTE N SYS_NOTICE",
		"INFO I AUDIT SYS_INFO",
		"DEBUG DBG D TRACE SYS_DEBUG",
	} {
		for _, w := range strings.Fields(list) {
			words[w], words[strings.ToLower(w)] = int32(n), int32(n) // the two spellings in use need no folding
		}
	}
	return words
}

var severityLabels = [...]string{"EMERGENCY", "ALERT", "CRITICAL", "ERROR", "WARNING", "NOTICE", "INFO", "DEBUG"}
