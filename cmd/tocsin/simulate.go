package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tocsin-lma/tocsin/pkg/afd"
	"github.com/tocsin-lma/tocsin/pkg/config"
	"github.com/tocsin-lma/tocsin/pkg/daemon"
	"github.com/tocsin-lma/tocsin/pkg/gse"
	"github.com/tocsin-lma/tocsin/pkg/health"
	"github.com/tocsin-lma/tocsin/pkg/message"
)

const simulateHelp = `Usage: tocsin simulate [FLAGS] MEMBER[@HOST]=STATUS...

Says what the clusters of a model would make of it if alarms had other statuses:
which clusters turn, when, and whom they would tell. Nothing is sent and no daemon
is asked; time is virtual. Every alarm of the model begins OKAY on every host, the
remote collector's once.

STATUS is okay, warning, critical, down, unknown, or silent: it does not report any
more. Without @HOST it is so on every host. MEMBER may be '*': every alarm.

Flags:
  --host NAME           a host (may be repeated; default node-1, and those named)
  --config PATH         a file or folder of the model (may be repeated)
  --no-defaults         leave out shipped defaults and /etc/tocsin/conf.d
  --all                 list the clusters that stay as they are too
  --tree                show why each listed cluster has its status
  --output FORMAT       table, json or yaml (default table)

Exit codes: 0 simulated, 2 wrong usage, 78 the model does not load.

Examples:
  tocsin simulate linux_system_root_fs=critical
  tocsin simulate --host ctl01 --host ctl02 --host ctl03 '*@ctl03=silent'
  tocsin simulate --config /srv/model --tree nova_api_endpoint=down
`

// simulated is what one cluster makes of it.
type simulated struct {
	Cluster  string                   `json:"cluster"`
	Before   health.Status            `json:"before"`
	After    health.Status            `json:"after"`
	Turns    *float64                 `json:"turns_after_seconds,omitempty"` // absent: it stays
	Tells    string                   `json:"tells"`                         // the handler; "" nobody
	Evidence *gse.Evidence            `json:"evidence"`
	Clusters map[string]*gse.Evidence `json:"clusters,omitempty"`
}

func runSimulate(_ context.Context, std streams, args []string) int {
	t := newTool(std, "simulate", simulateHelp)
	var configs, hosts list
	t.set.Var(&configs, "config", "")
	t.set.Var(&hosts, "host", "")
	noDefaults := t.set.Bool("no-defaults", false, "")
	all := t.set.Bool("all", false, "")
	tree := t.set.Bool("tree", false, "")
	if code, done := t.parse(args, 1, -1); done {
		return code
	}
	s, err := newSimulation(configs, *noDefaults)
	if err != nil {
		return t.end(fmt.Errorf("%w:\n%w", daemon.ErrConfig, err))
	}
	if err := s.prepare(hosts, t.args); err != nil {
		return t.end(err)
	}
	results, err := s.run(*all)
	if err != nil {
		return t.end(err)
	}
	return t.end(t.printer().print(results, func(p *printer) error { return printSimulated(p, results, *tree) }))
}

// speaker is an alarm on a host; host "" stands for the remote collector's.
type speaker struct {
	def    *afd.Definition
	host   string
	status health.Status
	silent bool
}

// simulation is a model with everybody who speaks in it.
type simulation struct {
	model    gse.Model
	node     []afd.Definition
	remote   []afd.Definition
	speakers []*speaker
}

func newSimulation(configs []string, noDefaults bool) (*simulation, error) {
	sources, _, err := readModel(checkFlags{}, configs)
	if err != nil {
		return nil, err
	}
	section := func(role daemon.Role) (*config.Node, error) {
		model, err := daemon.LoadModel(role, nil, sources, noDefaults)
		if err != nil {
			return nil, err
		}
		return model.Get(string(role)), nil
	}
	s := &simulation{}
	for role, defs := range map[daemon.Role]*[]afd.Definition{daemon.MetricCollector: &s.node, daemon.RemoteCollector: &s.remote} {
		n, err := section(role)
		if err != nil {
			return nil, err
		}
		if *defs, _, err = afd.Load(n); err != nil {
			return nil, err
		}
	}
	n, err := section(daemon.Aggregator)
	if err != nil {
		return nil, err
	}
	s.model, _, err = gse.Load(n)
	return s, err
}

// prepare makes the speakers and gives them what the arguments say.
func (s *simulation) prepare(hosts, wishes []string) error {
	type wish struct {
		member, host, word string
		status             health.Status
	}
	var list []wish
	for _, text := range wishes {
		who, word, ok := strings.Cut(text, "=")
		w := wish{word: strings.ToLower(word)}
		w.member, w.host, _ = strings.Cut(who, "@")
		var err error
		if w.word != "silent" {
			w.status, err = health.Parse(word)
		}
		if !ok || w.member == "" || err != nil {
			return usageError{fmt.Sprintf("%q: write MEMBER=STATUS or MEMBER@HOST=STATUS; STATUS is okay, warning, critical, down, unknown or silent", text)}
		}
		if w.host != "" && !slices.Contains(hosts, w.host) {
			hosts = append(hosts, w.host)
		}
		list = append(list, w)
	}
	if len(hosts) == 0 {
		hosts = []string{"node-1"}
	}
	for i := range s.remote {
		s.speakers = append(s.speakers, &speaker{def: &s.remote[i]})
	}
	for _, host := range hosts {
		for i := range s.node {
			s.speakers = append(s.speakers, &speaker{def: &s.node[i], host: host})
		}
	}
	for _, w := range list {
		found := false
		for _, x := range s.speakers {
			if (w.member == "*" || w.member == x.def.Name) && (w.host == "" || w.host == x.host) {
				x.status, x.silent, found = w.status, w.word == "silent", true
			}
		}
		if !found {
			return usageError{fmt.Sprintf("no alarm of the model is called %q%s", w.member, s.nearest(w.member))}
		}
	}
	return nil
}

func (s *simulation) nearest(member string) string {
	var names []string
	for _, x := range s.speakers {
		names = append(names, x.def.Name)
	}
	if near, ok := config.Nearest(member, names); ok {
		return fmt.Sprintf("; did you mean %q?", near)
	}
	return ""
}

// The times of a simulation, in seconds: verdicts come every speakEvery, the
// wishes hold from changeAt on.
const (
	speakEvery = 10
	changeAt   = 120
)

// run lets everybody speak, before and after the change, until nothing can turn
// any more: the longest member_ttl is over.
func (s *simulation) run(all bool) ([]simulated, error) {
	e := gse.NewEngine(s.model, gse.Options{}, nil)
	start := time.Unix(1_500_000_000, 0)
	end := changeAt + 60
	for i := range s.model.Clusters {
		c := &s.model.Clusters[i]
		end = max(end, changeAt+30+int((c.MemberTTL+2*c.Interval+c.WarmUp).Seconds()))
	}
	before, after, turned := map[string]health.Status{}, map[string]health.Status{}, map[string]float64{}
	for _, c := range e.Clusters() {
		before[c.Name] = health.Unknown // until it speaks
	}
	for second := range end + 1 {
		now := start.Add(time.Duration(second) * time.Second)
		if second%speakEvery == 0 {
			for _, x := range s.speakers {
				if m := x.verdict(now, second >= changeAt); m != nil {
					if err := e.Process(m, now); err != nil {
						return nil, err
					}
				}
			}
		}
		err := e.Tick(now, func(m *message.Message) error {
			name, _ := m.Text("member")
			code, _ := m.Number("value")
			status := health.Status(code)
			if second < changeAt {
				before[name] = status
			} else if last, ok := after[name]; !ok && status != before[name] || ok && status != last {
				turned[name] = float64(second - changeAt)
			}
			if second >= changeAt {
				after[name] = status
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return s.results(e, start.Add(time.Duration(end)*time.Second), before, after, turned, all), nil
}

func (s *simulation) results(e *gse.Engine, now time.Time, before, after map[string]health.Status, turned map[string]float64, all bool) []simulated {
	out := []simulated{}
	for _, c := range e.Clusters() {
		at, turns := turned[c.Name]
		status, said := after[c.Name]
		if !said || before[c.Name] == status && !all {
			continue
		}
		r := simulated{Cluster: c.Name, Before: before[c.Name], After: status, Clusters: map[string]*gse.Evidence{}}
		if turns {
			r.Turns = &at
		}
		if c.NotificationEnabled {
			r.Tells = "default"
			if c.Handler != "" {
				r.Tells = c.Handler
			}
		}
		if ev, ok := e.Explain(c.Name, now); ok {
			r.Evidence = &ev
			r.below(e, &ev, now)
		}
		out = append(out, r)
	}
	return out
}

// below collects the evidence of the clusters that feed one.
func (r *simulated) below(e *gse.Engine, ev *gse.Evidence, now time.Time) {
	for _, g := range ev.Groups {
		for _, f := range g.Facts {
			if f.Host != "" || r.Clusters[f.Member] != nil {
				continue
			}
			if sub, ok := e.Explain(f.Member, now); ok {
				r.Clusters[f.Member] = &sub
				r.below(e, &sub, now)
			}
		}
	}
}

// verdict is what the speaker says at now; nil: it is silent.
func (x *speaker) verdict(now time.Time, changed bool) *message.Message {
	status := health.Okay
	if changed {
		if x.silent {
			return nil
		}
		status = x.status
	}
	m := &message.Message{Type: "heka.sandbox.afd_metric", Timestamp: now.UnixNano(), Hostname: x.host, Payload: `{"alarms":[]}`}
	if status != health.Okay {
		m.Payload = fmt.Sprintf(`{"alarms":[{"severity":%q,"function":"simulated","metric":"","fields":{},"tags":{},"operator":"","value":0,"threshold":0,"window":0,"periods":0,"message":"simulated"}]}`, status.Label())
	}
	m.AddString("name", "status")
	m.AddDouble("value", float64(status), "")
	m.AddString("member", x.def.Name)
	if x.host != "" {
		m.AddString("hostname", x.host)
	}
	m.AddBool("alerting_enabled", x.def.AlertingEnabled)
	m.AddBool("notification_enabled", x.def.NotificationEnabled)
	for _, d := range x.def.Dimensions {
		m.AddString(d.Name, d.Value)
	}
	return m
}

func printSimulated(p *printer, results []simulated, trees bool) error {
	if len(results) == 0 {
		return p.printf("no cluster turns\n")
	}
	t := table{header: []string{"CLUSTER", "BEFORE", "AFTER", "TURNS AFTER", "TELLS"}}
	for _, r := range results {
		turns, tells := "stays", "nobody"
		if r.Turns != nil {
			turns = number(*r.Turns) + "s"
		}
		if r.Tells != "" && r.Before != r.After {
			tells = "handler " + r.Tells
		}
		t.add(r.Cluster, p.paint(r.Before.Label()), p.paint(r.After.Label()), turns, tells)
	}
	if err := p.table(&t); err != nil || !trees {
		return err
	}
	for _, r := range results {
		if r.Evidence == nil {
			continue
		}
		root := newBranch("")
		e := explanation{Cluster: r.Cluster, Evidence: r.Evidence, Clusters: r.Clusters}
		e.evidenceTree(p, root, r.Evidence, false, 0)
		if err := p.printf("\n"); err != nil {
			return err
		}
		if err := p.tree(root); err != nil {
			return err
		}
	}
	return nil
}
