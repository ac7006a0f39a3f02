package store

import (
	"encoding/json"
	"time"

	"github.com/tidwall/gjson"
)

const (
	trailLength = 30     // values a trail keeps
	maxTrails   = 10_000 // trails in all; further members have none
)

// Sample is a value at a time.
type Sample struct {
	Time  time.Time `json:"time"`
	Value float64   `json:"value"`
}

// RuleKey identifies the rule and the series of an alarm object: alarms with
// the same key speak of the same values.
func RuleKey(alarm gjson.Result) string {
	return alarm.Get("function").Str + "\x00" + alarm.Get("metric").Str + "\x00" + alarm.Get("fields").Raw
}

// follow gives next the values that its first alarm has had since the member
// turned. The caller holds the lock.
func (s *State) follow(old, next *MemberState) {
	var had []Sample
	if old != nil {
		had = old.Values
	}
	var first json.RawMessage
	if len(next.Alarms) > 0 {
		first = next.Alarms[0]
	}
	alarm := gjson.ParseBytes(first)
	value, metric := alarm.Get("value"), alarm.Get("metric").Str
	if metric == "" || value.Type != gjson.Number {
		s.drop(had)
		return
	}
	next.Rule = RuleKey(alarm)
	if old != nil && old.Rule != next.Rule {
		s.drop(had)
		had = nil
	}
	if len(had) == 0 {
		if s.trails >= maxTrails {
			return
		}
		s.trails++
	}
	if len(had) == trailLength {
		had = append(make([]Sample, 0, trailLength), had[1:]...)
	}
	// Readers hold shorter slices of the same array: what is appended lies
	// behind all that they see.
	next.Values = append(had, Sample{next.At, value.Num})
}

func (s *State) drop(values []Sample) {
	if len(values) > 0 {
		s.trails--
	}
}
