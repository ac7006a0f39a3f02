package sandbox

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/tocsin-lma/tocsin/pkg/lpeg"
	"github.com/tocsin-lma/tocsin/pkg/message"
	"github.com/tocsin-lma/tocsin/pkg/sandbox/entry"
	"github.com/tocsin-lma/tocsin/pkg/sandbox/logtime"
)

// later is a captured text that is parsed when the record's own captures are taken.
type later struct {
	slot *slot
	text string
}

// taken is a captured value and what it is for.
type taken struct {
	slot  *slot
	value lpeg.Value
}

// postpone keeps a capture for later; it reports whether it also counts now.
func (b *builder) postpone(s *slot, v *lpeg.Value) (now bool) {
	if s.before {
		if b.d.lastTime != 0 && b.first(toTimestamp) {
			b.m.Timestamp = b.d.lastTime
		}
		return false
	}
	if s.weak {
		b.d.weak = append(b.d.weak, taken{s, *v})
		return false
	}
	if text, ok := v.AsText(); ok && len(b.d.later) < maxLater {
		b.d.later = append(b.d.later, later{s, text})
	}
	return true
}

// maxLater bounds the texts of one record that are parsed again.
const maxLater = 16

// parseCaptured parses the captured texts that have a grammar or a format.
func (b *builder) parseCaptured() {
	for i := 0; i < len(b.d.later) && b.err == nil; i++ {
		l := b.d.later[i]
		for _, r := range l.slot.grammar {
			b.search(r, l.text)
		}
		if l.slot.entry != nil && b.err == nil {
			b.entry(l.slot.entry, l.text)
		}
	}
}

// takeWeak takes what nothing else gave.
func (b *builder) takeWeak() {
	for i := range b.d.weak {
		w := &b.d.weak[i]
		if w.slot.target == toSeverity && b.label != "" {
			if _, known := b.d.layout.severityOf(b.label); known {
				continue
			}
		}
		b.settle(w.slot, &w.value)
	}
}

// entry takes the pairs of a text that has names of its own.
func (b *builder) entry(e *entryRule, text string) {
	pairs, ok := b.d.reader.Read(e.format, text)
	if ok && e.format == entry.Journal {
		b.d.rest = b.d.reader.Rest()
	}
	if !ok || !e.complete(pairs) {
		b.err = &refusal{reason: "cannot read an entry of " + b.raw.Logger, line: strings.Clone(text[:min(len(text), shownText)])}
		return
	}
	b.ascii = false // texts may be made of escapes
	e.choose(pairs)
	for i, c := range e.best {
		if c.pair >= 0 && !b.target(e.targets[i], &pairs[c.pair]) {
			e.best[i].pair = -1
		}
	}
	for _, c := range e.best {
		if c.pair >= 0 {
			pairs[c.pair].Name = "" // taken
		}
	}
	from := len(b.m.Fields)
	for i := range pairs {
		switch p := &pairs[i]; {
		case p.Name == "":
		case e.all:
			b.pair(p, p.Name, from, e.format)
		case e.member != "" && p.Nested && strings.HasPrefix(p.Name, e.member):
			b.pair(p, p.Name[len(e.member):], from, e.format)
		}
	}
}

// complete tells that an entry has one of the texts that it must have.
func (e *entryRule) complete(pairs []entry.Pair) bool {
	for i := range pairs {
		if !pairs[i].Nested && pairs[i].Kind == entry.Text && slices.Contains(e.required, pairs[i].Name) {
			return true
		}
	}
	return len(e.required) == 0
}

// choose finds the pair of each target: that of the name that counts most. Of a
// repeated name the last one counts in JSON, the first one elsewhere.
func (e *entryRule) choose(pairs []entry.Pair) {
	for i := range e.best {
		e.best[i] = chosen{pair: -1}
	}
	for i := range pairs {
		if pairs[i].Nested || pairs[i].Kind == entry.List {
			continue
		}
		for _, c := range e.names[pairs[i].Name] {
			if best := &e.best[c.target]; best.pair < 0 || c.rank < best.rank || c.rank == best.rank && e.format == entry.JSON {
				*best = chosen{i, c.rank}
			}
		}
	}
}

// target gives a target its value; it reports false for one that cannot be read.
func (b *builder) target(s *slot, p *entry.Pair) bool {
	v := valueOf(p)
	switch s.target {
	case toTimestamp:
		ns, ok := b.moment(p)
		if ok && b.first(toTimestamp) {
			b.m.Timestamp = ns
		}
		return ok
	case toSeverity:
		n, ok := b.level(p)
		if ok && b.first(toSeverity) {
			b.severity = n
		}
		return ok
	case toField:
		if text, ok := v.AsText(); ok {
			v = lpeg.TextValue(text)
		} else {
			v = lpeg.TextValue(strconv.FormatBool(p.Bool))
		}
	case toPid:
		if p.Kind == entry.Number && (p.Number != math.Trunc(p.Number) || math.Abs(p.Number) > math.MaxInt32) {
			return true
		}
	}
	b.settle(s, &v)
	if s.target == toPayload && (b.d.multi == nil || !b.d.multi.byParts()) {
		b.m.Payload = chomp(b.m.Payload)
	}
	return true
}

func valueOf(p *entry.Pair) lpeg.Value {
	switch p.Kind {
	case entry.Number:
		return lpeg.NumberValue(p.Number)
	case entry.Bool:
		return lpeg.BoolValue(p.Bool)
	}
	return lpeg.TextValue(p.Text)
}

// pair makes a field of what no target took. from is the first field that was
// made so.
func (b *builder) pair(p *entry.Pair, name string, from int, format entry.Format) {
	if name == severityLabel {
		return
	}
	s := b.d.layout.slot(name)
	own := s.target == toField && s.into == s
	if own && s.record == b.d.record {
		if format == entry.JSON {
			b.replace(p, name, from)
		}
		return
	}
	representation := ""
	if own {
		s.record, name, representation = b.d.record, s.name, s.representation
	} else {
		name = strings.Clone(name)
	}
	b.m.AddField(b.fieldOf(p, b.valid(name), representation))
}

// replace gives a field the value of a repeated name.
func (b *builder) replace(p *entry.Pair, name string, from int) {
	for i := from; i < len(b.m.Fields); i++ {
		if f := &b.m.Fields[i]; f.Name == name {
			*f = b.fieldOf(p, f.Name, f.Representation)
			return
		}
	}
}

func (b *builder) fieldOf(p *entry.Pair, name, representation string) message.Field {
	if p.Kind != entry.List {
		return message.NewField(name, representation, b.fieldValue(p))
	}
	f := message.NewField(name, representation)
	for i := range p.List {
		f.Append(b.fieldValue(&p.List[i]))
	}
	return f
}

func (b *builder) fieldValue(p *entry.Pair) message.Value {
	switch p.Kind {
	case entry.Number:
		return message.DoubleValue(p.Number)
	case entry.Bool:
		return message.BoolValue(p.Bool)
	}
	return message.StringValue(b.valid(p.Text))
}

// number returns the value of a number, or of a text that is one.
func (b *builder) number(p *entry.Pair) (float64, bool) {
	switch p.Kind {
	case entry.Number:
		return p.Number, true
	case entry.Text:
		return parseNumber(p.Text)
	}
	return 0, false
}

// moment reads a time: a text, or s, ms, us or ns since the epoch, told apart by
// their size.
func (b *builder) moment(p *entry.Pair) (ns int64, ok bool) {
	n, isNumber := b.number(p)
	if !isNumber {
		if p.Kind != entry.Text {
			return 0, false
		}
		return b.d.parseTime(p.Text)
	}
	if p.Kind == entry.Text {
		if t, exact := logtime.Parse(p.Text, b.d.p.opts.Clock, nil); exact && !strings.ContainsAny(p.Text, " :/") {
			return t.NS, true
		}
	}
	if !(n > 0 && n < 9e18) {
		return 0, false
	}
	switch {
	case n < 1e11:
		n *= 1e9
	case n < 1e14:
		n *= 1e6
	case n < 1e17:
		n *= 1e3
	}
	if math.Mod(n, 1e9) == 0 {
		return int64(n), true
	}
	return int64(math.Floor(n/1e3+0.5)) * 1000, true // a double holds no more
}

// level reads a severity: a word, a number of syslog's, or one of those that
// count levels in tens (bunyan, pino).
func (b *builder) level(p *entry.Pair) (int32, bool) {
	n, isNumber := b.number(p)
	switch {
	case !isNumber && p.Kind == entry.Text:
		return b.d.layout.severityOf(p.Text)
	case !isNumber || math.IsNaN(n):
		return 0, false
	case n >= 0 && n <= 7:
		return int32(n), true
	case n >= 60:
		return 0, true
	case n >= 50:
		return 3, true
	case n >= 40:
		return 4, true
	case n >= 30:
		return 6, true
	}
	return 7, true
}
