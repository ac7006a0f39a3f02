package alarmtest

import (
	"context"
	"slices"

	"github.com/tocsin-lma/tocsin/pkg/afd"
)

// Score is the outcome of Mutate.
type Score struct {
	Total     int      `json:"total"`
	Killed    int      `json:"killed"`
	Survivors []Mutant `json:"survivors"` // in the order of the model
}

// Percent returns the share of mutants that a test noticed; 100 without any.
func (s *Score) Percent() float64 {
	if s.Total == 0 {
		return 100
	}
	return 100 * float64(s.Killed) / float64(s.Total)
}

// Mutate changes one thing of the models at a time and runs the tests that use
// it until one fails. Tests that expect a load_error take no part. The tests
// must pass unchanged.
func Mutate(ctx context.Context, files []*File, opt Options) Score {
	pool := newPool(files, opt)
	seen := map[string]bool{}
	var all []Mutant
	for _, m := range pool.order {
		all = append(all, m.mutants(seen)...)
	}
	killed := make([]bool, len(all))
	each(ctx, len(all), opt.Parallel, func(i int) { killed[i] = pool.kills(&all[i], opt) })
	s := Score{Total: len(all), Survivors: []Mutant{}}
	for i := range all {
		if killed[i] {
			s.Killed++
		} else {
			s.Survivors = append(s.Survivors, all[i])
		}
	}
	return s
}

// pool is the tests that may kill mutants, by the model they run on.
type pool struct {
	order []*models
	tests map[*models][]*Test
}

func newPool(files []*File, opt Options) *pool {
	p := &pool{tests: map[*models][]*Test{}}
	for _, f := range files {
		for _, t := range f.Tests {
			if t.loadError != nil || t.role == "encoder" || opt.Match != nil && !opt.Match.MatchString(t.Name) {
				continue
			}
			m, err := t.load()
			if err != nil {
				continue // Run reported it
			}
			if p.tests[m] == nil {
				p.order = append(p.order, m)
			}
			p.tests[m] = append(p.tests[m], t)
		}
	}
	return p
}

// kills reports whether some test fails on the mutant.
func (p *pool) kills(c *Mutant, opt Options) bool {
	for _, m := range p.order {
		changed := c.apply(m)
		if changed == nil {
			continue
		}
		// Those that send what the mutant reads are likely to notice it.
		for _, likely := range []bool{true, false} {
			for _, t := range p.tests[m] {
				if c.concerns(t) && c.reads(t) == likely && !t.run(changed, opt.Compile, false).OK {
					return true
				}
			}
		}
	}
	return false
}

// reads reports whether a test sends a metric that the mutant's trigger reads.
func (c *Mutant) reads(t *Test) bool {
	if c.trigger == nil {
		return true
	}
	for i := range t.steps {
		if in := t.steps[i].input; in != nil && in.kind == "metric" {
			name, _ := in.m.Text("name")
			if slices.ContainsFunc(c.trigger.Rules, func(r afd.Rule) bool { return r.Metric == name }) {
				return true
			}
		}
	}
	return false
}

// concerns leaves out the tests whose role never evaluates the mutant.
func (c *Mutant) concerns(t *Test) bool {
	switch t.role {
	case "metric_collector":
		return c.trigger != nil && !c.remote
	case "remote_collector":
		return c.trigger != nil && c.remote
	case "aggregator":
		return c.trigger == nil
	}
	return true
}
