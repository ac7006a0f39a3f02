package sandbox

import (
	"errors"
	"slices"

	lua "github.com/yuin/gopher-lua"

	"github.com/tocsin-lma/tocsin/pkg/lpeg"
)

// rule is a pattern of a script and what its names mean.
type rule struct {
	pattern *lpeg.Pattern
	holds   string   // "": else the pattern matches texts that hold this one
	slots   []*slot  // by the number of the capture; nil where not met yet
	found   captures // of the last match
}

// captures is what a rule found. It is valid until the next match of that rule or
// with the same evaluator.
type captures struct {
	slots   []*slot // each but once
	values  []lpeg.Value
	entries []lpeg.Entry // instead of slots, if a name was captured twice or the script made the table
}

// get returns the value of a name.
func (c *captures) get(name string) (lpeg.Value, bool) {
	for i := range c.entries {
		if c.entries[i].Name == name {
			return c.entries[i].Value, true
		}
	}
	for i, s := range c.slots {
		if s.name == name {
			return c.values[i], true
		}
	}
	return lpeg.Value{}, false
}

func (c *captures) appendEntries(dst []lpeg.Entry) []lpeg.Entry {
	for i, s := range c.slots {
		dst = append(dst, lpeg.Entry{Name: s.name, Value: c.values[i]})
	}
	return append(dst, c.entries...)
}

// match runs a rule; found is nil when it does not match.
func (d *declarative) match(with *lpeg.Values, r *rule, subject string) (found *captures, err error) {
	if !d.inLua {
		named, _, err := with.MatchNamed(r.pattern, subject, 0)
		if named != nil {
			return d.captured(r, named), nil
		}
		if err == nil || !errors.Is(err, errNeedsLua) {
			return nil, err
		}
		d.inLua = true
	}
	return d.matchInLua(r, subject)
}

// matchInLua runs a rule under the limits of a call.
func (d *declarative) matchInLua(r *rule, subject string) (found *captures, err error) {
	var matchErr error
	fn := d.p.L.NewFunction(func(L *lua.LState) int {
		named, _, err := d.p.eng.lpeg.Values(L).MatchNamed(r.pattern, subject, 0)
		if matchErr = err; named != nil {
			found = d.captured(r, named)
			// There is one evaluator for all patterns of the state.
			found.values, found.entries = slices.Clone(found.values), slices.Clone(found.entries)
		}
		return 0
	})
	if _, _, err := d.p.eng.call(fn); err != nil {
		return nil, err
	}
	return found, matchErr
}

// captured looks up what the captured names mean. The lists it returns belong to
// the rule and the evaluator.
func (d *declarative) captured(r *rule, named *lpeg.Named[lpeg.Value]) *captures {
	found := &r.found
	found.slots, found.values, found.entries = found.slots[:0], named.Values, nil
	if len(named.Sites) == 0 && len(named.Others) > 0 { // the script made a table itself
		if t := named.Others[0].Table(); t != nil {
			found.entries = t.Named
		}
		return found
	}
	d.matches++
	for _, site := range named.Sites {
		i := site.Index()
		if i >= len(r.slots) {
			r.slots = append(r.slots, make([]*slot, i+1-len(r.slots))...)
		}
		s := r.slots[i]
		if s == nil {
			s = d.layout.slot(site.Name())
			r.slots[i] = s
		}
		if s.match == d.matches {
			found.slots, found.values, found.entries = found.slots[:0], nil, distinct(named)
			return found
		}
		s.match = d.matches
		found.slots = append(found.slots, s)
	}
	return found
}

// distinct keeps one value of each name: the last, in the place of the first.
func distinct(named *lpeg.Named[lpeg.Value]) []lpeg.Entry {
	var t lpeg.Table
	for i, site := range named.Sites {
		t.Set(site.Name(), named.Values[i])
	}
	return t.Named
}
