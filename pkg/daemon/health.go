package daemon

import (
	"errors"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/tocsin-lma/tocsin/pkg/gse"
	"github.com/tocsin-lma/tocsin/pkg/silence"
	"github.com/tocsin-lma/tocsin/pkg/store"
)

// healthSource is what an aggregator shows: its state, the history, and the
// engine's evidence.
type healthSource struct {
	state   *store.State
	history *store.Store
	engine  atomic.Pointer[clusterFilter]
}

// openHealth opens the history of events and makes an empty state.
func (d *Daemon) openHealth() error {
	history, err := store.Open(filepath.Join(d.opt.DataDir, "events.db"), store.Options{})
	if err != nil {
		return err
	}
	d.health = &healthSource{state: store.NewState(history, d.log), history: history}
	d.silences, err = silence.Open(filepath.Join(d.opt.DataDir, "silences.json"), time.Now)
	if errors.Is(err, silence.ErrDamaged) {
		d.log.Error("the silences are lost, everything alerts", "error", err)
		err = nil
	}
	return err
}

// Clusters returns the newest verdict of every cluster, worst first.
func (h *healthSource) Clusters() []store.ClusterState { return h.state.Clusters() }

// Members returns the newest verdict of every alarm.
func (h *healthSource) Members() []store.MemberState { return h.state.Members() }

// Nodes returns what is known of every host.
func (h *healthSource) Nodes() []store.NodeState { return h.state.Nodes() }

// Watch returns a channel of new events until stop is called.
func (h *healthSource) Watch() (<-chan store.Event, func()) { return h.state.Watch() }

// Events reads the history.
func (h *healthSource) Events(q store.Query) ([]store.Event, error) {
	if h.history == nil {
		return nil, errors.New("this daemon keeps no history")
	}
	return h.history.Events(q)
}

// Explain returns the evidence for a cluster as it is now.
func (h *healthSource) Explain(cluster string, now time.Time) (gse.Evidence, bool) {
	f := h.engine.Load()
	if f == nil {
		return gse.Evidence{}, false
	}
	return f.Explain(cluster, now)
}

// EvidenceAt reads the evidence of a cluster at an earlier time.
func (h *healthSource) EvidenceAt(cluster string, at time.Time) (*gse.Evidence, error) {
	if h.history == nil {
		return nil, errors.New("this daemon keeps no history")
	}
	return h.history.EvidenceAt(cluster, at)
}

// Interval returns how often a cluster gives its verdict.
func (h *healthSource) Interval(cluster string) (time.Duration, bool) {
	f := h.engine.Load()
	if f == nil {
		return 0, false
	}
	return f.Interval(cluster)
}

// Forget removes facts of a host, a member, or the pair.
func (h *healthSource) Forget(host, member string) int {
	n := h.state.Forget(host, member)
	if f := h.engine.Load(); f != nil {
		n = max(n, f.Forget(host, member))
	}
	return n
}
