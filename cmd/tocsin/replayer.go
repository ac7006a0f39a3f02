package main

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/tocsin-lma/tocsin/pkg/afd"
	"github.com/tocsin-lma/tocsin/pkg/afd/sandboxed"
	"github.com/tocsin-lma/tocsin/pkg/daemon"
	"github.com/tocsin-lma/tocsin/pkg/gse"
	"github.com/tocsin-lma/tocsin/pkg/health"
	"github.com/tocsin-lma/tocsin/pkg/message"
	"github.com/tocsin-lma/tocsin/pkg/store"
)

// replayer evaluates recorded messages in virtual time: the alarms of every
// collector that was recorded, and the clusters fed by their verdicts. Its only
// clock is that of the recording, so the same recording and model give the same
// changes.
type replayer struct {
	model    *replayModel
	sets     []*replaySet
	engine   *gse.Engine
	clusters time.Time // when clusters are evaluated next
	began    time.Time
	now      time.Time
	known    map[replayKey]health.Status
	seq      uint64
	change   func(store.Event)

	messages, verdicts int
}

type replayKey struct {
	kind       store.Kind
	name, host string
}

// replaySet is the alarms of one collector.
type replaySet struct {
	role daemon.Role
	host string
	set  *afd.Set
	next time.Time
}

// replay evaluates the recordings together and calls change for every change of
// a status; like a daemon it says nothing about what is OKAY from the beginning.
func replay(ctx context.Context, model *replayModel, recordings []*recordingReader, change func(store.Event)) (*replayer, error) {
	r := &replayer{model: model, known: map[replayKey]health.Status{}, change: change}
	r.engine = gse.NewEngine(model.clusters, gse.Options{Host: "replay", Tags: model.tags}, nil)
	for from := earliest(recordings); from != nil; from = earliest(recordings) {
		if err := ctx.Err(); err != nil {
			return r, err
		}
		if r.began.IsZero() {
			r.began, r.now, r.clusters = from.at, from.at, from.at
		}
		if err := r.advance(from.at); err != nil {
			return r, err
		}
		if err := r.take(from); err != nil {
			return r, err
		}
		if err := from.next(); err != nil {
			return r, err
		}
	}
	return r, r.finish()
}

// advance performs the evaluations that are due until then, in order.
func (r *replayer) advance(until time.Time) error {
	for {
		due, at := (*replaySet)(nil), r.clusters
		for _, s := range r.sets {
			if !s.next.After(at) && (due == nil || s.next.Before(due.next)) {
				due, at = s, s.next
			}
		}
		if at.After(until) || r.began.IsZero() {
			r.now = until
			return nil
		}
		r.now = at
		if err := r.tick(due); err != nil {
			return err
		}
	}
}

// tick evaluates the alarms of s, or the clusters when s is nil.
func (r *replayer) tick(s *replaySet) error {
	if s == nil {
		r.clusters = r.now.Add(replayClusterInterval)
		return r.engine.Tick(r.now, func(m *message.Message) error { return r.verdict(store.Cluster, m) })
	}
	s.next = r.now.Add(r.model.interval[s.role])
	return s.set.Tick(r.now, func(m *message.Message) error {
		_ = r.engine.Process(m, r.now) // a verdict no cluster wants is no failure
		return r.verdict(store.Member, m)
	})
}

// finish evaluates everything once more at the end of the recording.
func (r *replayer) finish() error {
	for _, s := range r.sets {
		if err := r.tick(s); err != nil {
			return err
		}
	}
	return r.tick(nil)
}

// take hands a recorded message to whom it concerns. What the replay computes
// itself is left out.
func (r *replayer) take(from *recordingReader) error {
	r.messages++
	m := from.m
	switch kind := strings.TrimPrefix(m.Type, "heka.sandbox."); {
	case kind == "gse_metric":
	case kind == "heartbeat":
		_ = r.engine.Process(m, r.now) // counted by a daemon, of no interest here
	case kind == "afd_metric":
		host, _ := m.Text("hostname")
		name, _ := m.Text("member")
		if r.computes(host, name) {
			return nil
		}
		_ = r.engine.Process(m, r.now)
		return r.verdict(store.Member, m)
	case strings.HasSuffix(kind, "metric"):
		if s := r.set(from.header); s != nil {
			_ = s.set.Process(m, r.now) // a metric without a value is passed over
		}
	}
	return nil
}

// set returns the alarms of the collector that was recorded; nil for an
// aggregator, which has none. A log collector's metrics are evaluated by the
// metric collector of its host.
func (r *replayer) set(h recordingHeader) *replaySet {
	role, host := h.Role, h.Host
	if role == daemon.LogCollector {
		role = daemon.MetricCollector
	}
	defs, ok := r.model.alarms[role]
	if !ok {
		return nil
	}
	for _, s := range r.sets {
		if s.role == role && s.host == host {
			return s
		}
	}
	opt := afd.Options{Host: host, Hostname: host, Tags: r.model.tags, Compile: sandboxed.Compile}
	if role == daemon.RemoteCollector {
		opt.Hostname = ""
	}
	s := &replaySet{role: role, host: host, set: afd.NewSet(defs, opt, nil), next: r.now}
	r.sets = append(r.sets, s)
	return s
}

// computes reports whether an alarm of a host is evaluated by this replay.
func (r *replayer) computes(host, name string) bool {
	for _, s := range r.sets {
		if (s.host == host || host == "" && s.role == daemon.RemoteCollector) && s.set.Alarm(name) != nil {
			return true
		}
	}
	return false
}

// verdict notes a verdict and tells of a change.
func (r *replayer) verdict(kind store.Kind, m *message.Message) error {
	name, _ := m.Text("member")
	code, _ := m.Number("value")
	status, ok := health.FromCode(code)
	if name == "" || !ok {
		return nil
	}
	host := ""
	if kind == store.Member {
		host, _ = m.Text("hostname")
	}
	r.verdicts++
	key := replayKey{kind, strings.Clone(name), strings.Clone(host)}
	before, known := r.known[key]
	if known && before == status || !known && kind == store.Cluster && !r.heard(name) {
		return nil
	}
	r.known[key] = status
	if !known && status == health.Okay {
		return nil
	}
	var payload struct {
		Alarms []json.RawMessage `json:"alarms"`
	}
	_ = json.Unmarshal([]byte(m.Payload), &payload) // a verdict need not say why
	r.seq++
	e := store.Event{ID: r.seq, Time: r.now.UTC(), Kind: kind, Name: key.name, Host: key.host, Status: status, Alarms: payload.Alarms}
	if known {
		e.Before = &before
	}
	r.change(e)
	return nil
}

// heard reports whether anything of the recording concerns a cluster: the many
// others of a model would only be UNKNOWN.
func (r *replayer) heard(cluster string) bool {
	ev, ok := r.engine.Explain(cluster, r.now)
	if !ok {
		return false
	}
	for _, g := range ev.Groups {
		for _, f := range g.Facts {
			if !f.Never {
				return true
			}
		}
	}
	return false
}
