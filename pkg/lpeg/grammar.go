package lpeg

import (
	"fmt"
	"slices"
	"strings"
)

// maxRules is LPeg's limit on the rules of a grammar.
const maxRules = 1000

// V returns the pattern that stands for the rule of that name in the
// innermost grammar around it.
func (b *Builder) V(rule any) *Pattern {
	return b.make(&node{kind: nodeCall, value: name(rule)})
}

// Grammar returns the pattern that matches the first of the rules. It refuses
// references to unknown rules, left recursion and loops that may run forever.
func (b *Builder) Grammar(rules []Rule) (*Pattern, error) {
	if len(rules) == 0 {
		return nil, ErrEmptyGrammar
	}
	if len(rules) > maxRules {
		return nil, ErrTooManyRules
	}
	own := make([]Rule, len(rules))
	sc := &scope{index: make(map[any]int, len(rules)), rules: make([]attrs, len(rules))}
	var key strings.Builder
	for i, r := range rules {
		own[i] = Rule{name(r.Name), r.Pattern}
		if r.Pattern == nil {
			return nil, fmt.Errorf("rule '%s' %w", nameText(r.Name), ErrNotAPattern)
		}
		sc.index[own[i].Name] = i
		sc.rules[i].fixed = -1
		fmt.Fprintf(&key, "%p %T %v\x00", r.Pattern, own[i].Name, own[i].Name)
	}
	known := nodeKey{kind: nodeGrammar, text: key.String()}
	if old := b.recall(b.hash(&known), &known, own); old != nil {
		return old, nil
	}
	v := verifier{sc: sc, rules: own, state: make([]uint8, len(own)), used: make([]bool, len(own))}
	if err := v.verify(); err != nil {
		return nil, err
	}
	sc.memo = nil
	for i := range sc.rules {
		sc.rules[i].open = false
	}
	p := b.make(&node{kind: nodeGrammar, rules: own, text: key.String(), scope: sc})
	return p, b.Err()
}

// verifier checks the rules of a grammar that is being built.
type verifier struct {
	sc    *scope
	rules []Rule
	state []uint8 // of the left recursion search: 0 new, 1 being visited, 2 done
	used  []bool
	order []int
	path  []int // rules being visited by the left recursion search
}

func (v *verifier) verify() error {
	for i := range v.rules {
		if err := v.resolve(v.rules[i].Pattern); err != nil {
			return err
		}
		v.postOrder(i)
	}
	v.fixpoint()
	clear(v.state)
	for i := range v.rules {
		if err := v.leftRule(i); err != nil {
			return err
		}
	}
	for i, r := range v.rules {
		if (v.used[i] || i == 0) && v.emptyLoop(r.Pattern) {
			return fmt.Errorf("%w '%s'", ErrEmptyRule, nameText(r.Name))
		}
	}
	return nil
}

// resolve checks that every reference of p has a rule.
func (v *verifier) resolve(p *Pattern) error {
	if !p.attrs.open {
		return nil
	}
	if p.kind == nodeCall {
		i, ok := v.sc.index[p.value]
		if !ok {
			return fmt.Errorf("rule '%s' %w", nameText(p.value), ErrUndefinedRule)
		}
		v.used[i] = true
		return nil
	}
	var err error
	p.children(func(c *Pattern) {
		if err == nil {
			err = v.resolve(c)
		}
	})
	return err
}

// postOrder lists rules after the rules they call, as far as there are no cycles.
func (v *verifier) postOrder(i int) {
	if v.state[i] != 0 {
		return
	}
	v.state[i] = 1
	v.calls(v.rules[i].Pattern)
	v.order = append(v.order, i)
}

func (v *verifier) calls(p *Pattern) {
	if !p.attrs.open {
		return
	}
	if p.kind == nodeCall {
		if i, ok := v.sc.index[p.value]; ok {
			v.postOrder(i)
		}
		return
	}
	p.children(v.calls)
}

// fixpoint computes the properties of the rules, from "unknown" upwards.
func (v *verifier) fixpoint() {
	for changed := true; changed; {
		changed = false
		v.sc.memo = make(map[*Pattern]attrs)
		for _, i := range v.order {
			a := v.sc.attrs(v.rules[i].Pattern)
			if a != v.sc.rules[i] {
				v.sc.rules[i] = a
				changed = true
				clear(v.sc.memo)
			}
		}
	}
}

func (v *verifier) leftRule(i int) error {
	switch v.state[i] {
	case 1:
		return fmt.Errorf("rule '%s' %w", nameText(v.rules[v.blamed(i)].Name), ErrLeftRecursive)
	case 2:
		return nil
	}
	v.state[i] = 1
	v.path = append(v.path, i)
	err := v.left(v.rules[i].Pattern)
	v.path = v.path[:len(v.path)-1]
	v.state[i] = 2
	return err
}

// blamed returns the rule that LPeg names when the path leads back to rule i:
// it follows the circle until it has passed maxRules rules, and names the last.
func (v *verifier) blamed(i int) int {
	passed := v.path[1:]
	if len(passed) >= maxRules {
		return passed[maxRules-1]
	}
	circle := v.path[slices.Index(v.path, i):]
	return circle[(maxRules-1-len(passed))%len(circle)]
}

// left visits the rules p may call before it consumed anything.
func (v *verifier) left(p *Pattern) error {
	if !p.attrs.open {
		return nil
	}
	switch p.kind {
	case nodeCall:
		return v.leftRule(v.sc.index[p.value])
	case nodeSeq:
		if err := v.left(p.a); err != nil || !v.sc.attrs(p.a).nullable {
			return err
		}
		return v.left(p.b)
	case nodeChoice:
		if err := v.left(p.a); err != nil {
			return err
		}
		return v.left(p.b)
	}
	return v.left(p.a)
}

// emptyLoop reports whether a repetition in p has a body that may match nothing.
func (v *verifier) emptyLoop(p *Pattern) bool {
	if !p.attrs.open {
		return false
	}
	if p.kind == nodeRepeat && v.sc.attrs(p.a).nullable {
		return true
	}
	found := false
	p.children(func(c *Pattern) { found = found || v.emptyLoop(c) })
	return found
}
