// Package alarmtest runs unit tests of alarms, clusters, policies and events in
// virtual time: the engine of `tocsin test`.
//
// Invariant: nothing ticks by itself; a test's outcome depends on its file and
// its model only. Tests share nothing, so that Run may spread them:
//
//	Run --(index)--> workers [Parallel goroutines] --(results, by index)--> Run
package alarmtest

import (
	"context"
	"fmt"
	"regexp"
	"runtime"
	"sync"

	"github.com/tocsin-lma/tocsin/pkg/afd"
)

// Options of Run.
type Options struct {
	Match    *regexp.Regexp  // only tests whose name matches; nil: all
	Parallel int             // goroutines; 0: one per core
	Compile  afd.CompileFunc // scripts of `function: lua`
}

// Result is the outcome of one test.
type Result struct {
	File       string       `json:"file"`
	Line       int          `json:"line"`
	Name       string       `json:"name"`
	OK         bool         `json:"ok"`
	Mismatches []string     `json:"mismatches"`
	Warnings   []string     `json:"warnings,omitempty"`
	Steps      []StepResult `json:"steps"`
}

// StepResult is what one step emitted.
type StepResult struct {
	At      float64    `json:"at"`
	Line    int        `json:"line"`
	Emitted []Emission `json:"emitted"`
}

// Run runs the tests of the files and returns the results in their order.
func Run(ctx context.Context, files []*File, opt Options) []Result {
	var tests []*Test
	for _, f := range files {
		for _, t := range f.Tests {
			if opt.Match == nil || opt.Match.MatchString(t.Name) {
				tests = append(tests, t)
			}
		}
	}
	results := make([]Result, len(tests))
	each(ctx, len(tests), opt.Parallel, func(i int) {
		results[i] = tests[i].run(nil, opt.Compile, true)
	})
	return results
}

// each calls do for 0..n-1 from parallel goroutines, until ctx ends.
func each(ctx context.Context, n, parallel int, do func(int)) {
	if parallel <= 0 {
		parallel = runtime.GOMAXPROCS(0)
	}
	next := make(chan int)
	var wg sync.WaitGroup
	for range min(parallel, n) {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for i := range next {
				do(i)
			}
		}()
	}
	for i := range n {
		select {
		case next <- i:
			continue
		case <-ctx.Done():
		}
		break
	}
	close(next)
	wg.Wait()
}

// run runs the test on its model, or on loaded if that is not nil (a mutant).
// keep says whether to record what the steps emitted.
func (t *Test) run(loaded *models, compile afd.CompileFunc, keep bool) Result {
	r := Result{File: t.File, Line: t.Line, Name: t.Name, Mismatches: []string{}, Steps: []StepResult{}}
	fail := func(format string, args ...any) {
		r.Mismatches = append(r.Mismatches, fmt.Sprintf(format, args...))
	}
	m := loaded
	if m == nil {
		var err error
		m, err = t.load()
		if t.loadError != nil {
			switch {
			case err == nil:
				fail("the model loads; want an error that matches %s", t.loadError)
			case !t.loadError.MatchString(err.Error()):
				fail("the load error does not match %s: %v", t.loadError, err)
			}
			r.OK = len(r.Mismatches) == 0
			return r
		}
		if err != nil {
			fail("load model: %v", err)
			return r
		}
		for _, w := range m.warnings {
			r.Warnings = append(r.Warnings, w.Error())
		}
		if t.loadWarning != nil && !anyMatches(t.loadWarning, r.Warnings) {
			fail("no warning matches %s; the warnings are %q", t.loadWarning, r.Warnings)
		}
	}
	w, err := newWorld(t, m, compile)
	if err != nil {
		fail("set up: %v", err)
		return r
	}
	t.play(w, &r, keep, fail)
	r.OK = len(r.Mismatches) == 0
	return r
}

func anyMatches(re *regexp.Regexp, texts []string) bool {
	for _, s := range texts {
		if re.MatchString(s) {
			return true
		}
	}
	return false
}

func (t *Test) play(w *world, r *Result, keep bool, fail func(string, ...any)) {
	groups := make([][]timed, t.groups+1)
	for i := range t.steps {
		s := &t.steps[i]
		emitted := w.step(s)
		if keep {
			r.Steps = append(r.Steps, StepResult{At: s.at, Line: s.line, Emitted: emitted})
		}
		if s.expect != nil {
			for _, m := range s.expect.check(emitted) {
				fail("line %d, at %v: %s", s.line, s.at, m)
			}
		}
		if s.group == 0 {
			continue
		}
		for _, e := range emitted {
			groups[s.group] = append(groups[s.group], timed{s.at, e})
		}
		for j := range s.times {
			if m := s.times[j].check(groups[s.group]); m != "" {
				fail("line %d: %s", s.times[j].line, m)
			}
		}
	}
}
