// Package afd is anomaly and fault detection: it evaluates alarms, their
// triggers and their rules over the metrics of one node.
//
// It is pure: it has no clock, no goroutine and does no I/O. Time is an
// argument, so that the same messages and ticks in the same order give the same
// bytes. Calls on one Alarm or Set are never concurrent.
//
// Invariant: an alarm is OKAY only when every trigger that was evaluated had the
// data it needs or said by its no_data_policy that it may do without; a rule or
// script that cannot be evaluated makes its alarm UNKNOWN and says so.
package afd

import (
	"time"

	"github.com/tocsin-lma/tocsin/pkg/health"
)

// Definition is a validated alarm of the model. It is plain data.
type Definition struct {
	Name                string      `json:"name"`
	Triggers            []Trigger   `json:"triggers"` // in the listed order, enabled ones only
	AlertingEnabled     bool        `json:"alerting_enabled"`
	NotificationEnabled bool        `json:"notification_enabled"`
	Handler             string      `json:"handler,omitempty"`
	Dimensions          []Dimension `json:"dimensions,omitempty"` // in the order of the model
}

// Dimension is one name and value copied to the fields and tags of a verdict.
type Dimension struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Trigger is a named condition with one severity.
type Trigger struct {
	Name        string        `json:"name"`
	Description string        `json:"description,omitempty"`
	Severity    health.Status `json:"severity"`
	NoData      health.Status `json:"no_data"` // the status when a needed series is absent
	Skip        bool          `json:"skip,omitempty"`
	Never       *NeverPolicy  `json:"no_data_ever,omitempty"` // where nothing was ever received; nil: as NoData and Skip say
	And         bool          `json:"and,omitempty"`          // all rules must match; otherwise any
	For         time.Duration `json:"for,omitempty"`          // how long it must match before it is raised
	ClearAfter  time.Duration `json:"clear_after,omitempty"`  // how long it must not match before it is cleared
	Rules       []Rule        `json:"rules"`
}

// NeverPolicy is what a trigger says where no datapoint ever came for a rule and
// none that came is gone.
type NeverPolicy struct {
	Status health.Status `json:"status"`
	Skip   bool          `json:"skip,omitempty"`
}

// Rule is one comparison over the window of a metric.
type Rule struct {
	Metric       string        `json:"metric"`
	Fields       []FieldMatch  `json:"field,omitempty"`
	GroupBy      []string      `json:"group_by,omitempty"`
	Value        string        `json:"value,omitempty"` // key inside a multi-value metric
	Function     Function      `json:"function"`
	Operator     Operator      `json:"operator,omitempty"`
	OperatorText string        `json:"relational_operator"` // as the model spells it
	Threshold    float64       `json:"threshold"`
	Window       float64       `json:"window"`  // seconds
	Periods      float64       `json:"periods"` // how many windows are observed
	SeriesTTL    time.Duration `json:"series_ttl,omitempty"`
	MinSamples   int           `json:"min_samples,omitempty"` // fewer datapoints in the ring are no data
	Trend        Trend         `json:"trend,omitempty"`       // of mww and mww_nonparametric
	Script       string        `json:"script,omitempty"`      // of the function lua
}

// FieldMatch is one name of a rule's field selection.
type FieldMatch struct {
	Name string      `json:"name"`
	Expr *Expression `json:"expression"`
}

// MarshalText writes the expression as it stands in the model.
func (e *Expression) MarshalText() ([]byte, error) { return []byte(e.text), nil }

// UnmarshalText reads what MarshalText wrote.
func (e *Expression) UnmarshalText(text []byte) error {
	parsed, err := ParseExpression(string(text))
	if err == nil {
		*e = *parsed
	}
	return err
}

// Wait returns how long after the start the trigger is first evaluated: the
// longest observation of its rules.
func (t *Trigger) Wait() time.Duration {
	longest := 0.0
	for i := range t.Rules {
		longest = max(longest, t.Rules[i].Window*t.Rules[i].Periods)
	}
	return time.Duration(longest * float64(time.Second))
}
