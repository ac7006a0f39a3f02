package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/tocsin-lma/tocsin/pkg/afd"
	"github.com/tocsin-lma/tocsin/pkg/config"
	"github.com/tocsin-lma/tocsin/pkg/daemon"
	"github.com/tocsin-lma/tocsin/pkg/message"
)

// liveMatcher chooses what is looked at in a running daemon.
const liveMatcher = "Type =~ /(metric|log)$/ && Type !~ /(afd|gse)_metric$/"

// liveReport is what coverage prints about running daemons.
type liveReport struct {
	Daemons  []liveDaemon   `json:"daemons"`
	Metrics  []metricFamily `json:"metrics"`
	Streams  []seenThing    `json:"log_streams"`
	Services []seenThing    `json:"services"`
}

// liveDaemon is a daemon that was looked at.
type liveDaemon struct {
	Address  string `json:"address"`
	Role     string `json:"role"`
	Host     string `json:"host"`
	Alarms   int    `json:"alarms"`
	Messages int    `json:"messages"`
	Lost     int64  `json:"lost,omitempty"` // came too fast to be looked at
}

// seenThing is a log stream or a service, and the alarms that watch it.
type seenThing struct {
	Name     string   `json:"name"`
	Messages int      `json:"messages"`
	Watched  []string `json:"watched_by"`
}

// live is what passed while daemons were looked at.
type live struct {
	mu       sync.Mutex
	metrics  map[string]bool
	streams  map[string]int
	services map[string]int
}

// runLive looks at the daemons for a while. The alarms are those they run; when
// none of them runs any, those of the model.
func (c *coverage) runLive(ctx context.Context, addresses []string, span time.Duration) (*liveReport, error) {
	r := &liveReport{Daemons: make([]liveDaemon, len(addresses))}
	running := emptyCoverage()
	for i, address := range addresses {
		d, err := running.readDaemon(ctx, address)
		if err != nil {
			return nil, err
		}
		r.Daemons[i] = d
	}
	if len(running.readers) > 0 {
		c = running
	}
	seen := &live{metrics: map[string]bool{}, streams: map[string]int{}, services: map[string]int{}}
	ctx, cancel := context.WithTimeout(ctx, span)
	defer cancel()
	errs := make([]error, len(addresses))
	var wait sync.WaitGroup
	for i := range r.Daemons {
		d := &r.Daemons[i]
		wait.Go(func() {
			d.Lost, errs[i] = tapMessages(ctx, d.Address, liveMatcher, func(m *message.Message) error {
				d.Messages++
				seen.take(m)
				return nil
			})
		})
	}
	wait.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	known, err := knownMetrics()
	if err != nil {
		return nil, err
	}
	c.families(known, sortedNames(seen.metrics))
	r.Metrics = c.report.Metrics
	r.Streams = c.things(seen.streams, func(name string) []string { return c.watchers(words(name)) })
	r.Services = c.things(seen.services, func(name string) []string { return alarmsOf(c.served, []string{name}) })
	return r, nil
}

// readDaemon reads which alarms a daemon runs.
func (c *coverage) readDaemon(ctx context.Context, address string) (liveDaemon, error) {
	client, err := newClient(address)
	if err != nil {
		return liveDaemon{}, err
	}
	var info daemonInfo
	var model json.RawMessage
	if err := client.get(ctx, "/api/v1/daemon", nil, &info); err != nil {
		return liveDaemon{}, err
	}
	if err := client.get(ctx, "/api/v1/config", nil, &model); err != nil {
		return liveDaemon{}, err
	}
	n, err := config.Load(config.Source{Name: address, Data: model})
	if err != nil {
		return liveDaemon{}, fmt.Errorf("read the model of %s: %w", address, err)
	}
	d := liveDaemon{Address: address, Role: info.Role.Binary(), Host: info.Host}
	if info.Role != daemon.MetricCollector && info.Role != daemon.RemoteCollector {
		return d, nil
	}
	defs, _, err := afd.Load(n.Get(string(info.Role)))
	if err != nil {
		return d, fmt.Errorf("read the alarms of %s: %w", address, err)
	}
	for i := range defs {
		c.read(&defs[i])
	}
	d.Alarms = len(defs)
	return d, nil
}

func (l *live) take(m *message.Message) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if strings.HasSuffix(m.Type, "log") {
		l.streams[strings.Clone(m.Logger)]++
	} else if name, ok := m.Text("name"); ok {
		l.metrics[strings.Clone(name)] = true
	}
	if service, ok := m.Text("service"); ok && service != "" {
		l.services[strings.Clone(service)]++
	}
}

// things lists what was seen with the alarms that watch it.
func (c *coverage) things(seen map[string]int, watchers func(string) []string) []seenThing {
	out := []seenThing{}
	for _, name := range sortedNames(seen) {
		out = append(out, seenThing{name, seen[name], watchers(name)})
	}
	return out
}

// table writes the report for people.
func (r *liveReport) table(p *printer, all bool) error {
	daemons := table{header: []string{"DAEMON", "HOST", "ALARMS", "MESSAGES"}}
	for _, d := range r.Daemons {
		seen := strconv.Itoa(d.Messages)
		if d.Lost > 0 {
			seen += fmt.Sprintf(", %d too fast", d.Lost)
		}
		daemons.add(d.Role+" at "+d.Address, d.Host, strconv.Itoa(d.Alarms), seen)
	}
	if err := p.table(&daemons); err != nil {
		return err
	}
	if err := p.printf("\n"); err != nil {
		return err
	}
	if err := metricTable(p, r.Metrics, "SEEN", all); err != nil {
		return err
	}
	for _, part := range []struct {
		title  string
		things []seenThing
	}{{"LOG STREAM", r.Streams}, {"SERVICE", r.Services}} {
		t := table{header: []string{part.title, "MESSAGES", "WATCHED BY"}}
		for _, s := range part.things {
			by := some(s.Watched, all)
			if by == "" {
				by = "nobody"
			}
			t.add(s.Name, strconv.Itoa(s.Messages), by)
		}
		if err := p.table(&t); err != nil {
			return err
		}
		if err := p.printf("\n"); err != nil {
			return err
		}
	}
	return nil
}
