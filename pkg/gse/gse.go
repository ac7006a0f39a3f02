// Package gse is global status evaluation: from the verdicts of all nodes to
// the health of clusters, by policies that are data.
//
// It is pure: it has no clock, no goroutine and does no I/O. Time is an
// argument. Calls on one Engine are never concurrent.
//
// Invariant (strict evaluation): a cluster is OKAY only while every expected
// (host, member) pair has a fact that is younger than member_ttl, not UNKNOWN,
// and of a collector that is not silent (ADR 17).
package gse

import (
	"regexp"
	"time"

	"github.com/tocsin-lma/tocsin/pkg/health"
	"github.com/tocsin-lma/tocsin/pkg/message"
)

// Defaults of an alarm cluster.
const (
	DefaultInterval    = 10 * time.Second
	DefaultWarmUp      = 20 * time.Second // clusters fed by alarms
	DefaultUpperWarmUp = 30 * time.Second // clusters fed by clusters
	DefaultMemberTTL   = 60 * time.Second
	DefaultForgetAfter = time.Hour
	DefaultMaxInject   = 10
	DefaultMaxAlarms   = 100
	DefaultMaxPairs    = 2_000_000
)

// CollectorsCluster is the name of the built-in cluster of heartbeats.
const CollectorsCluster = "collectors"

// Model is the validated part of the model that the engine evaluates. It is
// plain data.
type Model struct {
	Strict   bool
	Policies map[string]Policy
	Clusters []Cluster // enabled ones, in evaluation order: what others need comes first
}

// Cluster is one alarm cluster.
type Cluster struct {
	Name                string
	PolicyName          string
	Policy              Policy
	ByHostname          bool // groups are hosts; otherwise members
	Match               []Pair
	MatchRe             []PairRe
	Members             []string
	Hints               []string
	ExpectedHosts       []string
	Interval            time.Duration
	WarmUp              time.Duration
	MemberTTL           time.Duration // 0: facts do not age
	ForgetAfter         time.Duration // 0: facts are kept for ever
	MaxInject           int
	Strict              bool
	AlertingEnabled     bool
	NotificationEnabled bool
	Handler             string
	Dimensions          []Dimension
	anyMember           bool // heartbeats name their members themselves
	builtIn             bool
}

// Dimension is one name and value copied to the fields and tags of a verdict.
type Dimension struct{ Name, Value string }

// Pair says that a field must equal a text.
type Pair struct{ Field, Value string }

// PairRe says that a field must match an unanchored expression.
type PairRe struct {
	Field string
	Re    *regexp.Regexp
}

// Policy is an ordered list of entries: the first one that matches decides. If
// none does, the status is UNKNOWN.
type Policy []PolicyEntry

// PolicyEntry gives Status when its rules match; without rules it always does.
type PolicyEntry struct {
	Status health.Status `json:"status"`
	And    bool          `json:"and,omitempty"` // all rules must match; otherwise any
	Rules  []PolicyRule  `json:"rules,omitempty"`
}

// PolicyRule compares the number, or the share in percent, of the groups whose
// status is among Arguments with Threshold.
type PolicyRule struct {
	Percent   bool            `json:"percent,omitempty"`
	Arguments []health.Status `json:"arguments"`
	Operator  string          `json:"operator"` // one of == != > >= < <=
	Threshold float64         `json:"threshold"`
}

// Counts is how many groups have each status, by code.
type Counts [5]int

// Evaluate returns the status and the number of the entry that gave it; -1 when
// no entry matched. With no groups at all a percentage is not a number, which
// only != matches.
func (p Policy) Evaluate(c Counts) (health.Status, int) {
	for i := range p {
		if p[i].matches(&c) {
			return p[i].Status, i
		}
	}
	return health.Unknown, -1
}

func (e *PolicyEntry) matches(c *Counts) bool {
	if len(e.Rules) == 0 {
		return true
	}
	for i := range e.Rules {
		if e.Rules[i].matches(c) != e.And {
			return !e.And
		}
	}
	return e.And
}

func (r *PolicyRule) matches(c *Counts) bool {
	count, total := 0, 0
	for _, s := range r.Arguments {
		count += c[s]
	}
	v := float64(count)
	if r.Percent {
		for _, n := range c {
			total += n
		}
		v = v * 100 / float64(total)
	}
	switch r.Operator {
	case "==":
		return v == r.Threshold
	case "!=":
		return v != r.Threshold
	case ">":
		return v > r.Threshold
	case ">=":
		return v >= r.Threshold
	case "<":
		return v < r.Threshold
	}
	return v <= r.Threshold
}

// Takes reports whether the cluster's match and match_re accept a message.
func (c *Cluster) Takes(m *message.Message) bool {
	for i := range c.Match {
		f := m.Field(c.Match[i].Field)
		if f == nil || f.Len() == 0 || f.At(0).Text() != c.Match[i].Value {
			return false
		}
	}
	for i := range c.MatchRe {
		f := m.Field(c.MatchRe[i].Field)
		if f == nil || f.Len() == 0 || !c.MatchRe[i].Re.MatchString(f.At(0).Text()) {
			return false
		}
	}
	return true
}

func (c *Cluster) hasMember(name string) bool {
	for _, m := range c.Members {
		if m == name {
			return true
		}
	}
	return false
}
