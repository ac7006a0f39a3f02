package alarmtest

import (
	"errors"
	"math"
	"slices"

	"github.com/tocsin-lma/tocsin/pkg/config"
)

// step is one thing that happens at one time.
type step struct {
	at     float64 // seconds since start
	line   int
	tick   bool
	input  *input
	expect *expectation
	group  int // number of the `ticks` run, from 1; 0: none
	times  []timesExpectation
}

// expectation is what one step is to emit.
type expectation struct {
	entries []*entry
	only    bool
}

type stepConfig struct {
	At          float64      `yaml:"at"`
	Tick        bool         `yaml:"tick"`
	Metric      string       `yaml:"metric"`
	Value       *config.Node `yaml:"value"`
	Values      *config.Node `yaml:"values"`
	Fields      *config.Node `yaml:"fields"`
	Timestamp   *float64     `yaml:"timestamp"`
	Every       float64      `yaml:"every"`
	Until       *float64     `yaml:"until"`
	Host        string       `yaml:"host"`
	Hostname    string       `yaml:"hostname"`
	AFD         string       `yaml:"afd"`
	Status      string       `yaml:"status"`
	Alarms      *config.Node `yaml:"alarms"`
	Message     *config.Node `yaml:"message"`
	Ticks       *ticksConfig `yaml:"ticks"`
	Expect      *config.Node `yaml:"expect"`
	ExpectOnly  bool         `yaml:"expect_only"`
	ExpectTimes *config.Node `yaml:"expect_times"`
	Why         string       `yaml:"why"`
}

type ticksConfig struct {
	From  float64 `yaml:"from"`
	To    float64 `yaml:"to"`
	Every float64 `yaml:"every"`
}

// maxSteps bounds what a test spreads out into: a mistyped `until` must not
// fill the memory.
const maxSteps = 200_000

func (t *Test) parseSteps(nodes []*config.Node) error {
	var errs []error
	for _, n := range nodes {
		if err := t.parseStep(n); err != nil {
			errs = append(errs, err)
		}
		if len(t.steps) > maxSteps {
			return n.Errorf("the test spreads out into more than %d steps", maxSteps)
		}
	}
	slices.SortStableFunc(t.steps, func(a, b step) int {
		switch {
		case a.at < b.at:
			return -1
		case a.at > b.at:
			return 1
		}
		return 0
	})
	return errors.Join(errs...)
}

func (t *Test) parseStep(n *config.Node) error {
	var cfg stepConfig
	if err := n.Decode(&cfg); err != nil {
		return err
	}
	if cfg.Hostname != "" && cfg.Host == "" {
		cfg.Host = cfg.Hostname
	}
	kinds := 0
	for _, has := range []bool{cfg.Metric != "", cfg.AFD != "", cfg.Message.Exists()} {
		if has {
			kinds++
		}
	}
	switch {
	case kinds > 1:
		return n.Errorf("metric, afd and message exclude each other")
	case kinds == 0 && !cfg.Tick && cfg.Ticks == nil:
		return n.Errorf("want one of tick, ticks, metric, afd or message")
	case cfg.Ticks != nil && (kinds > 0 || cfg.Tick):
		return n.Errorf("ticks excludes tick, metric, afd and message")
	}
	want, err := parseExpect(&cfg)
	if err != nil {
		return err
	}
	if cfg.Ticks != nil {
		return t.spreadTicks(n, &cfg, want)
	}
	if cfg.ExpectTimes.Exists() {
		return cfg.ExpectTimes.Errorf("expect_times belongs to ticks")
	}
	return t.spreadInputs(n, &cfg, kinds > 0, want)
}

func parseExpect(cfg *stepConfig) (*expectation, error) {
	if !cfg.Expect.Exists() && !cfg.ExpectOnly {
		return nil, nil
	}
	want := &expectation{only: cfg.ExpectOnly}
	if cfg.Expect.Exists() && cfg.Expect.Kind() != config.List {
		return nil, cfg.Expect.Errorf("expect: want a list")
	}
	var errs []error
	for _, item := range cfg.Expect.Items() {
		e, err := parseEntry(item)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		want.entries = append(want.entries, e)
	}
	return want, errors.Join(errs...)
}

func (t *Test) spreadTicks(n *config.Node, cfg *stepConfig, want *expectation) error {
	every := cfg.Ticks.Every
	if every == 0 {
		every = 1
	}
	if every < 0 || cfg.Ticks.To < cfg.Ticks.From || (cfg.Ticks.To-cfg.Ticks.From)/every > maxSteps {
		return n.Errorf("ticks: want from <= to, a positive every, and at most %d ticks", maxSteps)
	}
	times, err := parseTimes(cfg.ExpectTimes)
	if err != nil {
		return err
	}
	t.groups++
	count := int(math.Floor((cfg.Ticks.To-cfg.Ticks.From)/every + 1e-9))
	for i := 0; i <= count; i++ {
		s := step{at: cfg.Ticks.From + float64(i)*every, line: n.Pos().Line, tick: true, expect: want, group: t.groups}
		if i == count {
			s.times = times
		}
		t.steps = append(t.steps, s)
	}
	return nil
}

func (t *Test) spreadInputs(n *config.Node, cfg *stepConfig, hasInput bool, want *expectation) error {
	values := cfg.Value.Items()
	if cfg.Value.Kind() != config.List {
		values = []*config.Node{cfg.Value}
	}
	count := len(values)
	switch {
	case cfg.Until != nil && cfg.Every <= 0:
		return n.Errorf("until needs every: how many seconds apart")
	case cfg.Every < 0:
		return n.Errorf("every must be positive")
	case cfg.Until != nil && len(values) == 1:
		count = max(0, int(math.Floor((*cfg.Until-cfg.At)/cfg.Every+1e-9))+1)
	case len(values) > 1 && cfg.Every == 0:
		return n.Errorf("a list of values needs every: how many seconds apart")
	}
	if count > maxSteps {
		return n.Errorf("the step repeats more than %d times", maxSteps)
	}
	for i := range count {
		s := step{at: cfg.At + float64(i)*cfg.Every, line: n.Pos().Line, tick: cfg.Tick, expect: want}
		if cfg.Until != nil && s.at > *cfg.Until+1e-9 {
			break
		}
		if hasInput {
			in, err := t.newInput(n, cfg, values[i%len(values)])
			if err != nil {
				return err
			}
			s.input = in
		}
		t.steps = append(t.steps, s)
	}
	return nil
}
