// Package lint finds what is wrong with a model that loads: alarms that never
// fire, triggers that nobody uses, clusters that nobody feeds, and the other
// defects that models of this kind have been shipped with.
//
// Invariant: it judges the model alone. It opens nothing, and a model without
// findings is one in which every trigger can be raised and every alarm reaches a
// cluster at the top.
package lint

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/tocsin-lma/tocsin/pkg/afd"
	"github.com/tocsin-lma/tocsin/pkg/config"
	"github.com/tocsin-lma/tocsin/pkg/gse"
)

// Finding is one defect of a model.
type Finding struct {
	Class   string     `json:"class"` // one of Classes
	Pos     config.Pos `json:"-"`
	File    string     `json:"file"`
	Line    int        `json:"line"`
	Path    string     `json:"path"`
	Message string     `json:"message"`
}

// String returns "file:line: path: message [class]".
func (f Finding) String() string {
	return fmt.Sprintf("%s: %s: %s [%s]", f.Pos, f.Path, f.Message, f.Class)
}

// Class is a kind of defect.
type Class struct{ Name, Meaning string }

// Classes returns every kind of defect that Model finds.
func Classes() []Class {
	return []Class{
		{"always_fires", "the condition holds for every value the metric can have"},
		{"blended_series", "a rule mixes the series of several interfaces, file systems or the like"},
		{"colliding_names", "two names differ only by - and _, which the original takes for one"},
		{"dead_cluster", "nobody produces any member of the cluster"},
		{"equals_threshold", "== on a quantity that passes the threshold without stopping there"},
		{"feeds_nothing", "the cluster is neither at the top nor a member of another one"},
		{"few_samples", "min_samples is more than the window can hold: there is never enough data"},
		{"harsh_policy", "the policy makes an outage of members that only warn"},
		{"hidden_severity", "a less severe trigger stands before a more severe one and hides it"},
		{"letters", "a list of single letters: a text was taken for a list"},
		{"load_warning", "the model loads, but a part of it does nothing"},
		{"max_zero", "max == 0, which the original never raises: write <= 0"},
		{"never_fires", "the condition holds for no value the metric can have"},
		{"no_cluster", "no cluster takes the verdicts of the alarm"},
		{"no_producer", "nobody produces this member of the cluster"},
		{"repeated_member", "a cluster lists a member twice"},
		{"repeated_trigger", "an alarm lists a trigger twice"},
		{"shadowed_trigger", "whenever the trigger is raised, one before it is raised as well"},
		{"short_ttl", "member_ttl is over before the next verdict of a member can come"},
		{"short_window", "the window is shorter than two intervals of the metric"},
		{"unknown_metric", "no input, check or filter that we know makes this metric"},
		{"unreachable_entry", "an entry of a policy stands behind one that always matches"},
		{"unused_trigger", "no alarm uses the trigger"},
	}
}

// Roles are the sections of a model that hold alarms.
func Roles() []string { return []string{"metric_collector", "remote_collector"} }

// Options says against what a model is judged.
type Options struct {
	Metrics *Metrics // nil: metric names, ranges and intervals are not judged
}

// Model judges a model. The error tells why it does not load at all; then there
// are no findings. Findings are in the order of the files.
func Model(model *config.Node, opt Options) ([]Finding, error) {
	l := &linter{model: model, metrics: opt.Metrics}
	if err := l.load(); err != nil {
		return nil, err
	}
	for _, role := range l.roles {
		l.alarms(role)
		l.triggers(role)
	}
	l.clusters()
	l.policies()
	l.letters()
	slices.SortStableFunc(l.findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Pos.File, b.Pos.File), cmp.Compare(a.Pos.Line, b.Pos.Line), cmp.Compare(a.Path, b.Path), cmp.Compare(a.Class, b.Class), cmp.Compare(a.Message, b.Message))
	})
	return slices.CompactFunc(l.findings, func(a, b Finding) bool { return a == b }), nil
}

// role is the alarms of one section, as loaded.
type role struct {
	name string
	node *config.Node
	defs []afd.Definition
}

type linter struct {
	model    *config.Node
	metrics  *Metrics
	roles    []role
	gse      gse.Model
	findings []Finding
}

func (l *linter) load() error {
	var errs []error
	for _, name := range Roles() {
		node := l.model.Get(name)
		defs, warnings, err := afd.Load(node)
		errs = append(errs, err)
		l.warnings(warnings)
		l.roles = append(l.roles, role{name, node, defs})
	}
	var warnings []error
	var err error
	l.gse, warnings, err = gse.Load(l.model.Get("aggregator"))
	l.warnings(warnings)
	return errors.Join(append(errs, err)...)
}

func (l *linter) warnings(warnings []error) {
	for _, w := range warnings {
		f := Finding{Class: "load_warning", Message: w.Error()}
		var e *config.Error
		if errors.As(w, &e) {
			f.Pos, f.File, f.Line, f.Path, f.Message = e.Pos, e.Pos.File, e.Pos.Line, e.Path, e.Msg
		}
		l.findings = append(l.findings, f)
	}
}

func (l *linter) find(class string, at *config.Node, format string, args ...any) {
	p := at.Pos()
	l.findings = append(l.findings, Finding{Class: class, Pos: p, File: p.File, Line: p.Line, Path: at.Path(), Message: fmt.Sprintf(format, args...)})
}
