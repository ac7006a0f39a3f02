package daemon

import (
	"bytes"
	"cmp"
	"encoding/json"
	"sync"
	"time"

	"github.com/tocsin-lma/tocsin/pkg/afd"
	"github.com/tocsin-lma/tocsin/pkg/afd/sandboxed"
	"github.com/tocsin-lma/tocsin/pkg/gse"
	"github.com/tocsin-lma/tocsin/pkg/matcher"
	"github.com/tocsin-lma/tocsin/pkg/message"
	"github.com/tocsin-lma/tocsin/pkg/pipeline"
	"github.com/tocsin-lma/tocsin/pkg/sandbox"
	"github.com/tocsin-lma/tocsin/pkg/store"
	"github.com/tocsin-lma/tocsin/plugins"
)

const (
	alarmFilterName   = "afd"
	clusterFilterName = "gse"
	alarmInterval     = 10 * time.Second
	clusterInterval   = time.Second
)

// alarmFilters makes the filter that evaluates the section `alarm`.
func (p *parts) alarmFilters() []pipeline.FilterSpec {
	if p.d.opt.Role != MetricCollector && p.d.opt.Role != RemoteCollector {
		return nil
	}
	defs, warnings, err := afd.Load(p.role)
	p.fail(err)
	p.warn(warnings)
	var role roleConfig
	_ = p.role.Only("alarms_enabled", "alarm_interval").Decode(&role) // checkRoleKeys reports errors
	if err != nil || len(defs) == 0 || role.AlarmsEnabled != nil && !*role.AlarmsEnabled {
		return nil
	}
	p.alarms = len(defs)
	opt := afd.Options{Host: p.global.Hostname, Hostname: p.global.Hostname, Tags: p.tags(), Budget: afd.NewBudget(0), Compile: sandboxed.Compile}
	if p.d.opt.Role == RemoteCollector {
		opt.Hostname = "" // what it evaluates are facts about the cluster, not about this host
	}
	options, err := p.sandboxOptions(sandbox.KindFilter, alarmFilterName, p.role.Get("filter", alarmFilterName).Without("enabled", "engine"))
	if err != nil {
		p.fail(err)
		return nil
	}
	text, _ := json.Marshal([]any{defs, opt.Host, opt.Hostname, opt.Tags})
	p.fingerprints[alarmFilterName] = string(text) + string(options.Source)
	var wants func(*message.Message) bool
	if shipped, err := plugins.FS.ReadFile("lua/filters/afd.lua"); err == nil && bytes.Equal(options.Source, shipped) {
		wants = afd.Wants(defs) // a script of the operator's may derive a metric of any other
	}
	return []pipeline.FilterSpec{{
		Wants: wants,
		Name:  alarmFilterName, Matcher: matcher.MustParse("Type =~ /metric$/ && Type !~ /^(afd|gse|heka.sandbox.afd|heka.sandbox.gse)_/"), Ticker: cmp.Or(role.AlarmInterval, alarmInterval),
		New: func() (pipeline.Filter, error) {
			return &alarmFilter{filter: sandboxed.Open(afd.NewSet(defs, opt, p.previousAlarms), options), board: &p.d.board, now: time.Now}, nil
		},
	}}
}

// alarmFilter evaluates every alarm of a collector through the Lua filter
// afd.lua, the shipped one or the operator's.
type alarmFilter struct {
	filter *sandboxed.Filter
	board  *board
	now    func() time.Time
}

// Process stores a datapoint.
func (f *alarmFilter) Process(m *message.Message, emit message.Emit) error {
	return f.filter.Process(m, f.now(), emit)
}

// Tick emits a verdict for every alarm.
func (f *alarmFilter) Tick(now time.Time, emit message.Emit) error {
	err := f.filter.Tick(now, withIdentity(emit))
	f.board.setAlarms(f.filter.Set().Stats())
	return err
}

// Close ends the Lua filter; the alarms' data stays with whoever took them over.
func (f *alarmFilter) Close() error { return f.filter.Close() }

// withIdentity gives messages that a pure package made the identity it cannot
// make up.
func withIdentity(emit message.Emit) message.Emit {
	return func(m *message.Message) error {
		if m.UUID.IsZero() {
			m.UUID = message.NewUUID()
		}
		return emit(m)
	}
}

// clusterFilters makes the filter that evaluates the section `alarm_cluster`.
func (p *parts) clusterFilters() []pipeline.FilterSpec {
	if p.d.opt.Role != Aggregator {
		return nil
	}
	model, warnings, err := gse.Load(p.role)
	p.fail(err)
	p.warn(warnings)
	if err != nil {
		return nil
	}
	opt := gse.Options{Host: p.global.Hostname, Tags: p.tags()}
	text, _ := json.Marshal([]any{p.role.Get("alarm_cluster").Value(), p.role.Get("policy").Value(), p.role.Get("evaluation").Value(), opt})
	p.fingerprints[clusterFilterName] = string(text)
	return []pipeline.FilterSpec{{
		Name: clusterFilterName, Matcher: matcher.MustParse("Type =~ /(afd_metric|gse_metric|heartbeat)$/"), Ticker: clusterInterval,
		New: func() (pipeline.Filter, error) {
			opt.Record = p.d.health.state.Keep
			f := &clusterFilter{engine: gse.NewEngine(model, opt, p.previousClusters), state: p.d.health.state, board: &p.d.board, now: time.Now}
			p.d.health.engine.Store(f)
			return f, nil
		},
	}}
}

// clusterFilter evaluates every cluster, and lets pages look at it meanwhile.
type clusterFilter struct {
	mu     sync.Mutex
	engine *gse.Engine
	state  *store.State
	board  *board
	now    func() time.Time
}

// Process stores a verdict or a heartbeat.
func (f *clusterFilter) Process(m *message.Message, _ message.Emit) error {
	f.state.Observe(m, f.now())
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.engine.Process(m, f.now())
}

// Tick emits the verdicts that are due.
func (f *clusterFilter) Tick(now time.Time, emit message.Emit) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	err := f.engine.Tick(now, withIdentity(func(m *message.Message) error {
		f.state.Observe(m, now)
		return emit(m)
	}))
	f.board.setClusters(f.engine.Stats())
	return err
}

// Explain returns the evidence for a cluster.
func (f *clusterFilter) Explain(cluster string, now time.Time) (gse.Evidence, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.engine.Explain(cluster, now)
}

// Interval returns how often a cluster gives its verdict.
func (f *clusterFilter) Interval(cluster string) (time.Duration, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.engine.Interval(cluster)
}

// Forget removes facts; see gse.Engine.Forget.
func (f *clusterFilter) Forget(host, member string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.engine.Forget(host, member)
}

// warn turns warnings of the model into notices.
func (p *parts) warn(warnings []error) {
	for _, w := range warnings {
		p.notices = append(p.notices, noticeOf(w))
	}
}

// adoptEvaluators lends the evaluators of a stopped generation to the one that
// follows, which keeps what still means the same.
func (p *parts) adoptEvaluators(running map[string]pipeline.Filter) {
	if f, ok := running[alarmFilterName].(*alarmFilter); ok {
		p.previousAlarms = f.filter.Set()
	}
	if f, ok := running[clusterFilterName].(*clusterFilter); ok {
		p.previousClusters = f.engine
	}
}
