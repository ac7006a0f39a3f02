package afd

import (
	"sync/atomic"
	"time"
)

// Defaults of Options.
const (
	DefaultMaxSkew         = 60 * time.Second
	DefaultMaxSeries       = 1000
	DefaultMaxSeriesOnNode = 100_000
	DefaultMaxAlarms       = 100
)

// Options is what the daemon adds to a Definition.
type Options struct {
	Host      string            // Message.Hostname of every verdict
	Hostname  string            // Fields[hostname] of every verdict; empty on the remote collector
	Tags      map[string]string // global tags, added where no field of that name is
	MaxSkew   time.Duration     // datapoints further ahead of the clock are dropped; 0: DefaultMaxSkew
	MaxSeries int               // series one alarm may keep; 0: DefaultMaxSeries
	MaxAlarms int               // alarms listed in one verdict; 0: DefaultMaxAlarms
	Budget    *Budget           // shared by all alarms of a node; nil: no common limit
	Compile   CompileFunc       // makes the scripts of `function: lua`; nil: such rules are UNKNOWN
}

func (o Options) withDefaults() Options {
	if o.MaxSkew == 0 {
		o.MaxSkew = DefaultMaxSkew
	}
	if o.MaxSeries == 0 {
		o.MaxSeries = DefaultMaxSeries
	}
	if o.MaxAlarms == 0 {
		o.MaxAlarms = DefaultMaxAlarms
	}
	return o
}

// Budget bounds the series of all alarms of a node together. It may be shared
// between alarms that are called from different goroutines.
type Budget struct {
	limit int64
	used  atomic.Int64
}

// NewBudget returns a budget of limit series; 0 stands for DefaultMaxSeriesOnNode.
func NewBudget(limit int) *Budget {
	if limit == 0 {
		limit = DefaultMaxSeriesOnNode
	}
	return &Budget{limit: int64(limit)}
}

// Used returns how many series there are now.
func (b *Budget) Used() int64 { return b.used.Load() }

func (b *Budget) take() bool {
	if b == nil {
		return true
	}
	if b.used.Add(1) > b.limit {
		b.used.Add(-1)
		return false
	}
	return true
}

func (b *Budget) give(n int) {
	if b != nil {
		b.used.Add(int64(-n))
	}
}

// Stats counts what an alarm did with its input since it was made.
type Stats struct {
	Datapoints     uint64 // stored
	Late           uint64 // dropped: older than the ring
	Future         uint64 // dropped: ahead of the clock by more than the skew limit
	Invalid        uint64 // dropped: no usable value
	Series         int    // series kept now
	SeriesRefused  uint64 // datapoints dropped because of a limit on series
	SeriesExpired  uint64 // series forgotten after their series_ttl
	AlarmsOmitted  uint64 // alarms left out of a verdict because of MaxAlarms
	ScriptFailures uint64 // evaluations of a script that failed
}

func (s *Stats) add(o Stats) {
	s.Datapoints += o.Datapoints
	s.Late += o.Late
	s.Future += o.Future
	s.Invalid += o.Invalid
	s.Series += o.Series
	s.SeriesRefused += o.SeriesRefused
	s.SeriesExpired += o.SeriesExpired
	s.AlarmsOmitted += o.AlarmsOmitted
	s.ScriptFailures += o.ScriptFailures
}

// CompileFunc makes the evaluator of a rule's script. name is for error texts.
type CompileFunc func(name, source string) (Script, error)

// Script computes the value of one series for `function: lua`.
type Script interface {
	// Value gets the non-empty buckets, oldest first, and the time in Unix
	// seconds. An error makes the alarm UNKNOWN; NaN never matches.
	Value(samples []Sample, now float64) (float64, error)
}
