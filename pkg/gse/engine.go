package gse

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"github.com/tocsin-lma/tocsin/pkg/health"
	"github.com/tocsin-lma/tocsin/pkg/message"
)

// ErrRejected is wrapped by the errors of Process: the message is no usable
// verdict.
var ErrRejected = errors.New("verdict rejected")

// Options is what the daemon adds to a Model.
type Options struct {
	Host      string            // Message.Hostname of every verdict
	Tags      map[string]string // global tags, added where no field of that name is
	MaxAlarms int               // alarms listed in one verdict; 0: DefaultMaxAlarms
	MaxInject int               // clusters emitted per tick, the rest on following ticks; 0: all
	MaxPairs  int               // (host, member) pairs kept over all clusters; 0: DefaultMaxPairs

	// Record gets the trimmed evidence of a cluster whenever it emits a verdict
	// that is made of other statuses than the one before, and every few minutes
	// while it is not OKAY; nil: nobody wants it.
	Record func(Evidence) `json:"-"`
}

// Stats counts what the engine did since it was made.
type Stats struct {
	Verdicts      uint64 // usable verdicts offered
	Facts         uint64 // facts stored, one per cluster that took the verdict
	Rejected      uint64
	Outdated      uint64 // older than the fact they would replace
	Heartbeats    uint64
	Emitted       uint64
	AlarmsOmitted uint64 // alarms left out of a verdict because of MaxAlarms
	PairsRefused  uint64 // verdicts refused because of MaxPairs
	Pairs         int    // (host, member) pairs kept now, over all clusters
}

// Engine evaluates all clusters. Its calls are never concurrent.
type Engine struct {
	model      Model
	opt        Options
	clusters   []*clusterState // in evaluation order
	byName     map[string]*clusterState
	byMember   map[string][]*clusterState
	collectors *clusterState
	started    bool
	start      int64
	stats      Stats
	names      map[string]string // hosts and members, kept once each
	lives      lives
}

// NewEngine makes an engine for model. The facts that previous (nil: nothing)
// holds for clusters that still select the same are kept, as is the clock;
// previous must not be used afterwards.
func NewEngine(model Model, opt Options, previous *Engine) *Engine {
	if opt.MaxAlarms == 0 {
		opt.MaxAlarms = DefaultMaxAlarms
	}
	if opt.MaxPairs == 0 {
		opt.MaxPairs = DefaultMaxPairs
	}
	e := &Engine{
		model: model, opt: opt, byName: map[string]*clusterState{}, byMember: map[string][]*clusterState{}, names: map[string]string{},
		lives: lives{},
	}
	if previous != nil {
		e.lives = previous.lives
	}
	for i := range e.model.Clusters {
		e.add(newClusterState(&e.model.Clusters[i]))
	}
	if e.collectors = e.byName[CollectorsCluster]; e.collectors == nil {
		e.collectors = newClusterState(collectorsDefinition())
		e.add(e.collectors)
	}
	if previous != nil {
		e.takeOver(previous)
	}
	return e
}

func (e *Engine) add(c *clusterState) {
	e.clusters = append(e.clusters, c)
	e.byName[c.def.Name] = c
	for i, member := range c.def.Members {
		if !slices.Contains(c.def.Members[:i], member) {
			e.byMember[member] = append(e.byMember[member], c)
		}
	}
}

// collectorsDefinition is the built-in cluster that heartbeats feed. It is
// strict whatever the model says: a silent collector is the one thing that no
// other cluster can notice.
func collectorsDefinition() *Cluster {
	return &Cluster{
		Name: CollectorsCluster, PolicyName: "built-in", ByHostname: true, Strict: true, anyMember: true, builtIn: true,
		Policy: Policy{
			{Status: health.Okay, Rules: []PolicyRule{{Arguments: []health.Status{health.Okay}, Operator: ">", Threshold: 0}}},
			{Status: health.Unknown},
		},
		Interval: DefaultInterval, WarmUp: DefaultWarmUp, MemberTTL: DefaultMemberTTL, ForgetAfter: DefaultForgetAfter,
		AlertingEnabled: true, NotificationEnabled: true,
		Dimensions: []Dimension{{"cluster_name", CollectorsCluster}, {"nagios_host", "00-top-clusters"}},
	}
}

func (e *Engine) takeOver(old *Engine) {
	e.started, e.start, e.stats, e.names = old.started, old.start, old.stats, old.names
	for _, c := range e.clusters {
		o := old.byName[c.def.Name]
		if o == nil || !sameSelection(c.def, o.def) {
			continue
		}
		c.next = o.next
		for _, g := range o.groups {
			for _, f := range g.facts {
				host, member := o.pair(g, f)
				if !f.never && (c.def.anyMember || c.def.hasMember(member)) {
					c.update(host, member, f.status, f.alarms, f.seen, f.by)
				}
			}
		}
		for member := range o.seen {
			c.seen[member] = true
		}
	}
}

func sameSelection(a, b *Cluster) bool {
	return slices.Equal(a.Match, b.Match) && slices.EqualFunc(a.MatchRe, b.MatchRe, func(x, y PairRe) bool {
		return x.Field == y.Field && x.Re.String() == y.Re.String()
	})
}

// Process stores a verdict or a heartbeat; other messages are passed over. An
// error wraps ErrRejected.
func (e *Engine) Process(m *message.Message, now time.Time) error {
	kind := strings.TrimPrefix(m.Type, "heka.sandbox.")
	if kind == "heartbeat" {
		return e.heartbeat(m, now.UnixNano())
	}
	if !strings.HasSuffix(kind, "metric") || !strings.HasPrefix(kind, "afd_") && !strings.HasPrefix(kind, "gse_") {
		return nil
	}
	err := e.verdict(m, now.UnixNano())
	if err != nil {
		e.stats.Rejected++
	}
	return err
}

func (e *Engine) verdict(m *message.Message, now int64) error {
	member, ok := memberOf(m)
	if !ok {
		return fmt.Errorf("read %s: Fields[member] is missing: %w", m.Type, ErrRejected)
	}
	code, ok := m.Number("value")
	if !ok {
		return fmt.Errorf("read status of %s: Fields[value] is missing or no number: %w", member, ErrRejected)
	}
	status, ok := health.FromCode(code)
	if !ok {
		return fmt.Errorf("read status of %s: %v is no status, want 0 to 4: %w", member, code, ErrRejected)
	}
	e.stats.Verdicts++
	var alarms []string
	var errs []error
	parsed := false
	for _, c := range e.byMember[member] {
		if !c.def.Takes(m) {
			continue
		}
		if !parsed {
			var err error
			if alarms, err = parseAlarms(m.Payload); err != nil {
				return fmt.Errorf("read status of %s: %w", member, err)
			}
			parsed = true
		}
		host, _ := m.Text("hostname")
		if host == "" && c.def.ByHostname {
			errs = append(errs, fmt.Errorf("update cluster %s with %s: Fields[hostname] is missing, group_by: hostname needs it: %w", c.def.Name, member, ErrRejected))
			continue
		}
		if err := e.store(c, host, member, status, alarms, m, now); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// store keeps a fact, unless it is one pair too many. A cluster that had to
// refuse one does not see everything, and cannot be OKAY in strict evaluation.
func (e *Engine) store(c *clusterState, host, member string, status health.Status, alarms []string, m *message.Message, now int64) error {
	if !c.knows(host, member) {
		if e.pairs() >= e.opt.MaxPairs {
			c.refusedAt, c.dirty = now, true
			e.stats.PairsRefused++
			return fmt.Errorf("update cluster %s with %s from %s: %d pairs are kept already: %w", c.def.Name, member, host, e.opt.MaxPairs, ErrRejected)
		}
		if len(e.names) > 2*e.opt.MaxPairs {
			clear(e.names) // only saves memory; what is in use stays where it is
		}
		host, member = e.intern(host), e.intern(member)
	}
	at, by := factTime(m, now), e.sender(m)
	if c.update(host, member, status, alarms, at, by) {
		e.stats.Facts++
		by.speak(at)
	} else {
		e.stats.Outdated++
	}
	return nil
}

func (e *Engine) pairs() int {
	n := 0
	for _, c := range e.clusters {
		n += c.count
	}
	return n
}

// memberOf returns the member of a verdict; Fuel's types have it in other fields.
func memberOf(m *message.Message) (string, bool) {
	names := []string{"member"}
	if kind := strings.TrimPrefix(m.Type, "heka.sandbox."); kind != "afd_metric" && kind != "gse_metric" {
		names = []string{"member", "source", "cluster_name"}
	}
	for _, name := range names {
		if s, ok := m.Text(name); ok && s != "" {
			return s, true
		}
	}
	return "", false
}

// factTime dates a fact by its message, so that a verdict that waited in a queue
// is not taken for a fresh one, but never later than now.
func factTime(m *message.Message, now int64) int64 {
	if m.Timestamp > 0 && m.Timestamp < now {
		return m.Timestamp
	}
	return now
}

func parseAlarms(payload string) ([]string, error) {
	if payload == noAlarms {
		return nil, nil
	}
	list := gjson.Get(payload, "alarms")
	if !gjson.Valid(payload) || !list.IsArray() {
		return nil, fmt.Errorf("the payload holds no array of alarms: %w", ErrRejected)
	}
	var out []string
	bad := false
	list.ForEach(func(_, v gjson.Result) bool {
		bad = bad || !v.IsObject()
		out = append(out, strings.Clone(v.Raw))
		return !bad
	})
	if bad {
		return nil, fmt.Errorf("the payload holds an alarm that is no object: %w", ErrRejected)
	}
	return out, nil
}

func (e *Engine) intern(s string) string {
	if kept, ok := e.names[s]; ok {
		return kept
	}
	s = strings.Clone(s)
	e.names[s] = s
	return s
}

func (e *Engine) heartbeat(m *message.Message, now int64) error {
	host, ok := m.Text("hostname")
	if !ok || host == "" {
		host = m.Hostname
	}
	if host == "" {
		e.stats.Rejected++
		return fmt.Errorf("read heartbeat: it names no host: %w", ErrRejected)
	}
	member := "collector"
	for _, name := range [...]string{"service", "member"} { // one fact per daemon: a node runs several
		if s, ok := m.Text(name); ok && s != "" {
			member = s
		}
	}
	e.stats.Heartbeats++
	if err := e.store(e.collectors, host, member, health.Okay, nil, m, now); err != nil {
		e.stats.Rejected++
		return err
	}
	if len(e.lives) > 2*e.collectors.count+1000 {
		e.lives.prune(now)
	}
	e.lives.of(e.intern(host)).beat(m, factTime(m, now))
	return nil
}
