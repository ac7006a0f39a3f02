package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tocsin-lma/tocsin/alarms"
	"github.com/tocsin-lma/tocsin/pkg/afd"
	"github.com/tocsin-lma/tocsin/pkg/config"
	"github.com/tocsin-lma/tocsin/pkg/daemon"
	"github.com/tocsin-lma/tocsin/pkg/lint"
)

const coverageHelp = `Usage: tocsin coverage [FLAGS] [FILE...]

Reports what no alarm watches: metrics, log streams, and services that alarms are
shipped for. The model is loaded as the daemons do, with the FILES over it.

Without --seen the metrics are those that inputs, checks and filters are known to
make; with it, those of a recording: what really arrives here. With --address it
is what passes through running daemons, against the alarms that they run.

Flags:
  --config PATH         a file or folder of the model, as a FILE is (may be repeated)
  --no-defaults         leave out shipped defaults and /etc/tocsin/conf.d
  --seen FILE           a recording made by 'tocsin record' (may be repeated)
  --address ADDRESS     look at this running daemon, HOST:PORT or a name such as
                        metriccollector (may be repeated)
  --for DURATION        how long to look at running daemons (default 30s)
  --all                 name every metric, not only how many of each family
  --output FORMAT       table, json or yaml (default table)

Exit codes: 0 reported, 2 wrong usage, 69 a daemon does not answer, 78 the model
does not load.

Examples:
  tocsin coverage
  tocsin coverage --config /srv/model --all
  tocsin coverage --address metriccollector --address logcollector --for 2m
  tocsin record --address 127.0.0.1:8342 --for 5m node1.rec && tocsin coverage --seen node1.rec
`

func runCoverage(ctx context.Context, std streams, args []string) int {
	t := newTool(std, "coverage", coverageHelp)
	var configs, seen, addresses list
	span := t.set.Duration("for", 30*time.Second, "")
	t.set.Var(&addresses, "address", "")
	var noDefaults, all bool
	t.set.Var(&configs, "config", "")
	t.set.Var(&seen, "seen", "")
	t.set.BoolVar(&noDefaults, "no-defaults", false, "")
	t.set.BoolVar(&all, "all", false, "")
	if code, done := t.parse(args, 0, -1); done {
		return code
	}
	if len(addresses) > 0 && len(seen) > 0 {
		return t.end(usageError{"--seen and --address do not go together"})
	}
	c, err := newCoverage(append(configs, t.args...), noDefaults)
	if err != nil {
		return t.end(fmt.Errorf("%w:\n%w", daemon.ErrConfig, err))
	}
	if len(addresses) > 0 {
		report, err := c.runLive(ctx, addresses, *span)
		if err != nil {
			return t.end(err)
		}
		return t.end(t.printer().print(report, func(p *printer) error { return report.table(p, all) }))
	}
	if err := c.metrics(seen); err != nil {
		return t.end(err)
	}
	c.logStreams()
	if err := c.services(); err != nil {
		return t.end(err)
	}
	return t.end(t.printer().print(c.report, func(p *printer) error { return c.report.table(p, all) }))
}

// coverageReport is what coverage prints.
type coverageReport struct {
	Metrics  []metricFamily  `json:"metrics"`
	Streams  []logStream     `json:"log_streams"`
	Services []serviceAlarms `json:"services"`
}

// metricFamily is the metrics with the same first word.
type metricFamily struct {
	Family    string   `json:"family"`
	Watched   []string `json:"watched"`
	Unwatched []string `json:"unwatched"`
}

// logStream is one log input of the model.
type logStream struct {
	Name    string   `json:"name"`
	File    string   `json:"file"`
	Line    int      `json:"line"`
	Watched []string `json:"watched_by"` // alarms on what is made of its records
}

// serviceAlarms is one file of the alarm library.
type serviceAlarms struct {
	Name   string `json:"name"`
	Loaded bool   `json:"loaded"`
}

// coverage holds the parts of the model that the report is made of.
type coverage struct {
	logs    *config.Node
	merged  map[daemon.Role]*config.Node
	readers map[string][]string // metric -> alarms
	words   map[string][]string // service of a log metric -> alarms
	served  map[string][]string // service -> alarms that choose it, or are about it
	report  coverageReport
}

func emptyCoverage() *coverage {
	return &coverage{merged: map[daemon.Role]*config.Node{}, readers: map[string][]string{}, words: map[string][]string{}, served: map[string][]string{}}
}

func newCoverage(paths []string, noDefaults bool) (*coverage, error) {
	c := emptyCoverage()
	sources, _, err := readModel(checkFlags{}, paths)
	if err != nil {
		return nil, err
	}
	for _, role := range []daemon.Role{daemon.LogCollector, daemon.MetricCollector, daemon.RemoteCollector} {
		model, err := daemon.LoadModel(role, nil, sources, noDefaults)
		if err != nil {
			return nil, err
		}
		n := model.Get(string(role))
		c.merged[role] = n
		if role == daemon.LogCollector {
			c.logs = n.Get("input")
			continue
		}
		defs, _, err := afd.Load(n)
		if err != nil {
			return nil, err
		}
		for i := range defs {
			c.read(&defs[i])
		}
	}
	return c, nil
}

// read notes what an alarm reads, and of which services' logs.
func (c *coverage) read(d *afd.Definition) {
	note := func(m map[string][]string, key string) {
		if !slices.Contains(m[key], d.Name) {
			m[key] = append(m[key], d.Name)
		}
	}
	for _, dim := range d.Dimensions {
		if dim.Name == "service" {
			note(c.served, dim.Value)
		}
	}
	for i := range d.Triggers {
		for _, r := range d.Triggers[i].Rules {
			note(c.readers, r.Metric)
			for _, f := range r.Fields {
				if f.Name == "service" {
					note(c.served, strings.TrimLeft(f.Expr.String(), "= "))
					if r.Metric == "log_messages" {
						note(c.words, strings.TrimLeft(f.Expr.String(), "= "))
					}
				}
			}
			if service, ok := strings.CutSuffix(r.Metric, "_http_response_times"); ok {
				note(c.words, service[strings.LastIndexByte(service, '_')+1:])
			}
			switch r.Metric {
			case "hdd_errors_rate", "hdd_errors", "out_of_memory_rate", "out_of_memory_total", "failed_logins_rate", "failed_logins_total":
				note(c.words, "system")
			}
		}
	}
}

func (c *coverage) metrics(recordings []string) error {
	known, err := knownMetrics()
	if err != nil {
		return err
	}
	names := known.Names()
	if len(recordings) > 0 {
		if names, err = recordedMetrics(recordings); err != nil {
			return err
		}
	}
	c.families(known, names)
	return nil
}

// families notes which metrics are watched, by the first word of their names.
func (c *coverage) families(known *lint.Metrics, names []string) {
	families := map[string]*metricFamily{}
	for _, name := range names {
		if strings.HasPrefix(name, "*") {
			continue // stands for metrics that operators name
		}
		key, _, _ := strings.Cut(name, "_")
		f := families[key]
		if f == nil {
			f = &metricFamily{Family: key, Watched: []string{}, Unwatched: []string{}}
			families[key] = f
		}
		if c.watches(known, name) {
			f.Watched = append(f.Watched, name)
		} else {
			f.Unwatched = append(f.Unwatched, name)
		}
	}
	c.report.Metrics = []metricFamily{}
	for _, key := range sortedNames(families) {
		c.report.Metrics = append(c.report.Metrics, *families[key])
	}
}

// watches reports whether an alarm reads a metric, or one that a pattern stands
// for.
func (c *coverage) watches(known *lint.Metrics, name string) bool {
	if len(c.readers[name]) > 0 {
		return true
	}
	if !strings.Contains(name, "*") {
		return false
	}
	for read := range c.readers {
		if m := known.Find(read); m != nil && m.Name == name {
			return true
		}
	}
	return false
}

// logStreams lists the log inputs and the alarms on what is made of them.
func (c *coverage) logStreams() {
	c.report.Streams = []logStream{}
	for _, name := range c.logs.Keys() {
		in := c.logs.Get(name)
		if engine := in.Get("engine").Text(); engine != "logstreamer" && engine != "" {
			continue
		}
		c.report.Streams = append(c.report.Streams, logStream{
			Name: name, File: in.Pos().File, Line: in.Pos().Line, Watched: c.watchers(streamWords(name, in)),
		})
	}
}

func (c *coverage) watchers(words []string) []string { return alarmsOf(c.words, words) }

// alarmsOf lists the alarms that are known by some of the words.
func alarmsOf(by map[string][]string, words []string) []string {
	out := []string{}
	for _, word := range words {
		for _, alarm := range by[word] {
			if !slices.Contains(out, alarm) {
				out = append(out, alarm)
			}
		}
	}
	slices.Sort(out)
	return out
}

// streamWords lists the words by which the records of an input may be known.
func streamWords(name string, in *config.Node) []string {
	texts := []string{name, in.Get("log_directory").Text(), in.Get("file_match").Text()}
	for _, d := range in.Get("differentiator").Items() {
		texts = append(texts, d.Text())
	}
	return words(strings.Join(texts, " "))
}

// words splits a text at everything that is no letter and no digit.
func words(text string) []string {
	split := func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') }
	return strings.FieldsFunc(strings.ToLower(text), split)
}

// services lists the alarm files that are shipped, and whether the model holds
// any alarm of each.
func (c *coverage) services() error {
	c.report.Services = []serviceAlarms{}
	for _, name := range daemon.ShippedAlarms() {
		data, err := alarms.FS.ReadFile(name + ".yml")
		if err != nil {
			return fmt.Errorf("read shipped alarms: %w", err)
		}
		n, err := config.Load(config.Source{Name: "shipped:alarms/" + name + ".yml", Data: data})
		if err != nil {
			return err
		}
		there, loaded := false, false
		for _, role := range []daemon.Role{daemon.MetricCollector, daemon.RemoteCollector} {
			for _, alarm := range n.Get(string(role), "alarm").Keys() {
				there = true
				loaded = loaded || c.merged[role].Get("alarm", alarm).Exists()
			}
		}
		if there {
			c.report.Services = append(c.report.Services, serviceAlarms{name, loaded})
		}
	}
	return nil
}
