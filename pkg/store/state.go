package store

import (
	"encoding/json"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tocsin-lma/tocsin/pkg/gse"
	"github.com/tocsin-lma/tocsin/pkg/health"
	"github.com/tocsin-lma/tocsin/pkg/message"
)

// State is what an aggregator knows for pages and tools: the newest verdict of
// every cluster and member, the nodes, and, through its Store, the events. All
// methods may be called from any goroutine.
type State struct {
	log    *slog.Logger
	events *Store

	mu       sync.RWMutex
	clusters map[string]*ClusterState
	members  map[memberKey]*MemberState
	nodes    map[string]*NodeState
	watchers map[chan Event]struct{}
	trails   int // members that have values
}

type memberKey struct{ host, member string }

// ClusterState is the newest verdict about a cluster.
type ClusterState struct {
	Name       string            `json:"name"`
	Status     health.Status     `json:"status"`
	Since      time.Time         `json:"since"` // of this status
	At         time.Time         `json:"at"`    // of the newest verdict
	Top        bool              `json:"top"`   // a cluster that people look at first
	Dimensions map[string]string `json:"dimensions"`
	Alarms     []json.RawMessage `json:"alarms"`
}

// MemberState is the newest verdict about an alarm of a host.
type MemberState struct {
	Host       string            `json:"host"`
	Member     string            `json:"member"`
	Status     health.Status     `json:"status"`
	Since      time.Time         `json:"since"`
	At         time.Time         `json:"at"`
	Dimensions map[string]string `json:"dimensions"`
	Alarms     []json.RawMessage `json:"alarms"`
	Values     []Sample          `json:"values,omitempty"` // of the first alarm since the member turned, oldest first
	Rule       string            `json:"-"`                // RuleKey of Values
}

// NodeState is what a host's heartbeats say.
type NodeState struct {
	Host    string               `json:"host"`
	Roles   map[string]time.Time `json:"roles"` // newest heartbeat of each daemon
	Version string               `json:"version"`
	Hash    string               `json:"config_hash"`
	Alarms  int                  `json:"alarms"`
	At      time.Time            `json:"at"`
}

// NewState returns an empty state that keeps events in s; nil: nowhere.
func NewState(s *Store, logger *slog.Logger) *State {
	return &State{
		log: logger, events: s, clusters: map[string]*ClusterState{}, members: map[memberKey]*MemberState{},
		nodes: map[string]*NodeState{}, watchers: map[chan Event]struct{}{},
	}
}

// Observe takes note of a verdict or a heartbeat.
func (s *State) Observe(m *message.Message, now time.Time) {
	switch strings.TrimPrefix(m.Type, "heka.sandbox.") {
	case "gse_metric":
		s.observeCluster(m, now)
	case "afd_metric":
		s.observeMember(m, now)
	case "heartbeat":
		s.observeHeartbeat(m, now)
	}
}

func (s *State) observeCluster(m *message.Message, now time.Time) {
	name, status, ok := verdict(m)
	if !ok {
		return
	}
	s.mu.Lock()
	c, known := s.clusters[name]
	if !known {
		c = &ClusterState{Name: name, Since: now}
		s.clusters[name] = c
	}
	before := c.Status
	changed := known && before != status
	first := !known && status != health.Okay
	next := *c
	next.Status, next.At, next.Dimensions, next.Alarms = status, now, dimensions(m), alarmsOf(m)
	if changed || !known {
		next.Since = now
	}
	next.Top = next.Dimensions["cluster_name"] != ""
	*c = next
	s.mu.Unlock()
	if changed || first {
		e := Event{Time: now, Kind: Cluster, Name: name, Status: status, Alarms: next.Alarms, Dimensions: next.Dimensions}
		if known {
			e.Before = &before
		}
		s.record(e)
	}
}

func (s *State) observeMember(m *message.Message, now time.Time) {
	name, status, ok := verdict(m)
	if !ok {
		return
	}
	host, _ := m.Text("hostname")
	key := memberKey{strings.Clone(host), name}
	s.mu.Lock()
	old, known := s.members[key]
	next := &MemberState{Host: key.host, Member: name, Status: status, Since: now, At: now, Dimensions: dimensions(m), Alarms: alarmsOf(m)}
	if known && old.Status == status {
		next.Since = old.Since
	}
	s.follow(old, next)
	s.members[key] = next
	s.mu.Unlock()
	if known && old.Status != status || !known && status != health.Okay {
		e := Event{Time: now, Kind: Member, Name: name, Host: key.host, Status: status, Alarms: next.Alarms, Dimensions: next.Dimensions}
		if known {
			e.Before = &old.Status
		}
		s.record(e)
	}
}

func (s *State) observeHeartbeat(m *message.Message, now time.Time) {
	host, _ := m.Text("hostname")
	if host == "" {
		host = m.Hostname
	}
	host = strings.Clone(host)
	role, _ := m.Text("service")
	version, _ := m.Text("version")
	hash, _ := m.Text("config_hash")
	alarms, _ := m.Number("alarms")
	s.mu.Lock()
	defer s.mu.Unlock()
	n, ok := s.nodes[host]
	next := NodeState{Host: host, Roles: map[string]time.Time{}}
	if ok {
		next = *n
		next.Roles = maps.Clone(n.Roles)
	}
	next.Roles[strings.Clone(role)] = now
	next.Version, next.At = strings.Clone(version), now
	if alarms > 0 {
		next.Alarms, next.Hash = int(alarms), strings.Clone(hash)
	}
	s.nodes[host] = &next
}

// Keep keeps the evidence of a cluster in the history.
func (s *State) Keep(ev gse.Evidence) {
	if s.events == nil {
		return
	}
	if err := s.events.Keep(ev); err != nil {
		s.log.Error("keeping evidence failed", "cluster", ev.Cluster, "error", err)
	}
}

// eventBytes bounds the alarms of one event; the whole of them is in the evidence.
const eventBytes = 8 << 10

// within returns the first alarms that fit.
func within(alarms []json.RawMessage, bytes int) []json.RawMessage {
	for i, raw := range alarms {
		if bytes -= len(raw); bytes < 0 {
			return alarms[:i:i]
		}
	}
	return alarms
}

// record keeps an event and tells the watchers; one who does not listen misses it.
func (s *State) record(e Event) {
	e.Alarms = within(e.Alarms, eventBytes)
	if s.events != nil {
		if err := s.events.Append(&e); err != nil {
			s.log.Error("keeping an event failed", "event", e.Name, "error", err)
		}
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	for w := range s.watchers {
		select {
		case w <- e:
		default:
		}
	}
}

// verdict reads the member and the status of an AFD or GSE message.
func verdict(m *message.Message) (string, health.Status, bool) {
	name, ok := m.Text("member")
	value, isNumber := m.Number("value")
	if !ok || !isNumber || value < 0 || value > 4 || value != float64(int(value)) {
		return "", 0, false
	}
	return strings.Clone(name), health.Status(value), true
}

// notDimensions are the fields of a verdict that the format itself has.
var notDimensions = []string{"name", "value", "member", "tag_fields", "alerting_enabled", "notification_enabled", "notification_handler", "hostname"}

func dimensions(m *message.Message) map[string]string {
	d := map[string]string{}
	for i := range m.Fields {
		f := &m.Fields[i]
		if f.Len() > 0 && !slices.Contains(notDimensions, f.Name) {
			d[strings.Clone(f.Name)] = strings.Clone(f.At(0).Text())
		}
	}
	return d
}

// noAlarms is the payload of a verdict that needs no reason.
const noAlarms = `{"alarms":[]}`

func alarmsOf(m *message.Message) []json.RawMessage {
	if m.Payload == noAlarms {
		return []json.RawMessage{}
	}
	var payload struct {
		Alarms []json.RawMessage `json:"alarms"`
	}
	if json.Unmarshal([]byte(m.Payload), &payload) != nil {
		return nil
	}
	return payload.Alarms
}

// Forget removes what a host, a member, or the pair said, and returns how many
// verdicts that was; an empty text stands for all.
func (s *State) Forget(host, member string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for key := range s.members {
		if (host == "" || key.host == host) && (member == "" || key.member == member) {
			s.drop(s.members[key].Values)
			delete(s.members, key)
			n++
		}
	}
	if member == "" && host != "" {
		delete(s.nodes, host)
	}
	return n
}

// Watch returns a channel of new events until stop is called.
func (s *State) Watch() (events <-chan Event, stop func()) {
	w := make(chan Event, 64)
	s.mu.Lock()
	s.watchers[w] = struct{}{}
	s.mu.Unlock()
	return w, func() {
		s.mu.Lock()
		delete(s.watchers, w)
		s.mu.Unlock()
	}
}
