package main

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/tocsin-lma/tocsin/pkg/health"
	"github.com/tocsin-lma/tocsin/pkg/store"
	"github.com/tocsin-lma/tocsin/pkg/web"
)

const backtestHelp = `Usage: tocsin backtest FILE... --config NEW [FLAGS]

Replays recordings with two models and shows what a change would have done: which
alarms and clusters would have fired that did not, and the other way round. The
base is the model that the daemons of this host run: the shipped one with the
files of /etc/tocsin/conf.d. The new one is the base with NEW laid over.

Flags:
  --config PATH        a file or folder of the new model; may be repeated
  --base PATH          a file or folder that belongs to the base; may be repeated
  --no-defaults        begin both models empty
  --all                show what is the same in both, too
  --kind KIND          only clusters or members (alarms)
  --name NAME          only this cluster or member
  --exit-status        exit 1 if there is a difference
  --output FORMAT      table, json or yaml

Examples:
  tocsin backtest incident.ndjson --config new-thresholds.yml
  tocsin backtest --no-defaults --base old/ --config new/ week.ndjson --exit-status
`

// outcome is what one model made of a cluster or an alarm of a host.
type outcome struct {
	Fired   int           `json:"fired"` // times it went to WARN, CRITICAL or DOWN
	Worst   health.Status `json:"worst"`
	Bad     time.Duration `json:"bad_ns"`     // in WARN, CRITICAL or DOWN
	Unknown time.Duration `json:"unknown_ns"` // in UNKNOWN
	First   *time.Time    `json:"first,omitempty"`
	Why     string        `json:"why,omitempty"` // of the first time

	status health.Status
	since  time.Time
	trail  []store.Event
}

// comparison is a row of a backtest.
type comparison struct {
	Kind   store.Kind `json:"kind"`
	Name   string     `json:"name"`
	Host   string     `json:"host,omitempty"`
	Change string     `json:"change"` // new, gone, more, less, other, same
	Base   outcome    `json:"base"`
	New    outcome    `json:"new"`
}

func runBacktest(ctx context.Context, std streams, args []string) int {
	f := newModelFlags(std, "backtest", backtestHelp)
	var base list
	f.set.Var(&base, "base", "")
	all := f.set.Bool("all", false, "")
	if code, done := f.parse(args, 1, -1); done {
		return code
	}
	err := f.check()
	if err == nil && len(f.config) == 0 {
		err = usageError{"--config is missing: name the new model"}
	}
	if err != nil {
		return f.end(err)
	}
	old, err := f.outcomes(ctx, base)
	if err != nil {
		return f.end(err)
	}
	fresh, err := f.outcomes(ctx, append(slices.Clone(base), f.config...))
	if err != nil {
		return f.end(err)
	}
	rows := compareOutcomes(old, fresh)
	differ := slices.ContainsFunc(rows, func(c comparison) bool { return c.Change != "same" })
	if !*all {
		rows = slices.DeleteFunc(rows, func(c comparison) bool { return c.Change == "same" })
	}
	err = f.printer().print(rows, func(p *printer) error { return printComparison(p, rows) })
	if err == nil && f.findings && differ {
		err = errFindings
	}
	return f.end(err)
}

// outcomes replays the recordings with the model of paths.
func (f *modelFlags) outcomes(ctx context.Context, paths []string) (map[replayKey]*outcome, error) {
	model, err := loadReplayModel(paths, f.noDefaults)
	if err != nil {
		return nil, err
	}
	found := map[replayKey]*outcome{}
	r, err := replayFiles(ctx, model, f.args, func(e store.Event) {
		if !f.wants(e.Kind, e.Name) {
			return
		}
		key := replayKey{e.Kind, e.Name, e.Host}
		if found[key] == nil {
			found[key] = &outcome{since: e.Time}
		}
		found[key].add(e)
	})
	if err != nil {
		return nil, err
	}
	if r.messages == 0 {
		return nil, errors.New("replay: the recordings hold no messages")
	}
	for _, o := range found {
		o.until(r.now)
	}
	return found, nil
}

func fires(s health.Status) bool { return urgency(s) > urgency(health.Unknown) }

func (o *outcome) add(e store.Event) {
	o.until(e.Time)
	if fires(e.Status) && !fires(o.status) {
		o.Fired++
		if o.First == nil {
			at := e.Time
			o.First, o.Why = &at, web.Why(e.Alarms)
		}
	}
	if urgency(e.Status) > urgency(o.Worst) {
		o.Worst = e.Status
	}
	o.status = e.Status
	o.trail = append(o.trail, e)
}

// until counts the time in the present status up to now.
func (o *outcome) until(now time.Time) {
	switch spent := now.Sub(o.since); {
	case fires(o.status):
		o.Bad += spent
	case o.status == health.Unknown:
		o.Unknown += spent
	}
	o.since = now
}

func compareOutcomes(old, fresh map[replayKey]*outcome) []comparison {
	keys := map[replayKey]bool{}
	for key := range old {
		keys[key] = true
	}
	for key := range fresh {
		keys[key] = true
	}
	rows := []comparison{}
	for key := range maps.Keys(keys) {
		a, b := cmp.Or(old[key], &outcome{}), cmp.Or(fresh[key], &outcome{})
		rows = append(rows, comparison{Kind: key.kind, Name: key.name, Host: key.host, Change: changeWord(a, b), Base: *a, New: *b})
	}
	order := []string{"new", "more", "gone", "less", "other", "same"}
	slices.SortFunc(rows, func(a, b comparison) int {
		return cmp.Or(slices.Index(order, a.Change)-slices.Index(order, b.Change), cmp.Compare(b.Kind, a.Kind), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Host, b.Host))
	})
	return rows
}

func changeWord(a, b *outcome) string {
	same := slices.EqualFunc(a.trail, b.trail, func(x, y store.Event) bool { return x.Time.Equal(y.Time) && x.Status == y.Status })
	switch {
	case same:
		return "same"
	case a.Fired == 0 && b.Fired > 0:
		return "new"
	case a.Fired > 0 && b.Fired == 0:
		return "gone"
	case b.Fired > a.Fired || b.Fired == a.Fired && b.Bad > a.Bad:
		return "more"
	case b.Fired < a.Fired || b.Bad < a.Bad:
		return "less"
	}
	return "other" // the same alerts at other times, or UNKNOWN differs
}

func printComparison(p *printer, rows []comparison) error {
	if len(rows) == 0 {
		return p.printf("Both models give the same statuses at the same times.\n")
	}
	t := table{header: []string{"CHANGE", "KIND", "NAME", "BASE", "FOR", "NEW", "FOR", "FIRST", "WHY"}}
	for _, c := range rows {
		name, first, why := c.Name, "-", cmp.Or(c.New.Why, c.Base.Why)
		if c.Host != "" {
			name += " on " + c.Host
		}
		if at := cmp.Or(c.New.First, c.Base.First); at != nil {
			first = stamp(*at)
		}
		t.add(c.Change, string(c.Kind), name, outcomeText(&c.Base), age(c.Base.Bad), outcomeText(&c.New), age(c.New.Bad), first, why)
	}
	return p.table(&t)
}

func outcomeText(o *outcome) string {
	if o.Fired == 0 {
		return o.Worst.Label()
	}
	return o.Worst.Label() + " x" + strconv.Itoa(o.Fired)
}
