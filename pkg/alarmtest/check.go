package alarmtest

import (
	"fmt"
	"strconv"
	"strings"
)

// check returns what is wrong with the emissions of a step.
func (x *expectation) check(emitted []Emission) []string {
	var out []string
	named := make([]bool, len(emitted))
	for _, e := range x.entries {
		if m := e.check(emitted, named); m != "" {
			out = append(out, m)
		}
	}
	if x.only {
		for i, got := range emitted {
			if !named[i] {
				out = append(out, "nothing else was expected, got "+got.brief())
			}
		}
	}
	return out
}

func (e *Emission) brief() string {
	s := e.Kind + " " + e.Name
	if e.Host != "" {
		s += " of " + e.Host
	}
	if e.Status != "" {
		s += " " + e.Status
	}
	return s + e.Error
}

func (e *entry) subject() string {
	s := e.kind
	if e.named {
		s += " " + e.name
	}
	if e.host != "" {
		s += " of " + e.host
	}
	return s
}

// concerns reports whether an emission is one that the entry speaks about.
func (e *entry) concerns(got *Emission) bool {
	if got.Kind != e.kind || e.named && got.Name != e.name || e.host != "" && got.Host != e.host {
		return false
	}
	return e.kind == "rejected" || (got.Error != "") == (e.rejected != nil)
}

func (e *entry) check(emitted []Emission, named []bool) string {
	var problems []string
	found := false
	for i := range emitted {
		if !e.concerns(&emitted[i]) {
			continue
		}
		named[i] = true
		if e.status == "none" {
			return fmt.Sprintf("%s: want nothing, got %s", e.subject(), emitted[i].brief())
		}
		m := e.mismatch(&emitted[i])
		if m == "" {
			found = true
			continue
		}
		problems = append(problems, m)
	}
	switch {
	case found || e.status == "none":
		return ""
	case len(problems) == 0:
		return fmt.Sprintf("%s: nothing was emitted%s", e.subject(), alsoEmitted(emitted))
	}
	return e.subject() + ": " + strings.Join(problems, "; or: ")
}

func alsoEmitted(emitted []Emission) string {
	if len(emitted) == 0 {
		return ""
	}
	parts := make([]string, 0, len(emitted))
	for i := range emitted {
		parts = append(parts, emitted[i].brief())
	}
	return " (but " + strings.Join(parts, ", ") + ")"
}

func (e *entry) mismatch(got *Emission) string {
	if e.rejected != nil {
		if !e.rejected.mentions(got.Error) {
			return fmt.Sprintf("the error %q does not mention it", got.Error)
		}
		return ""
	}
	if e.status != "" && e.status != got.Status && !strings.HasPrefix(e.kind, "event:") {
		return fmt.Sprintf("want status %s, got %s with %s", e.status, got.Status, got.Payload)
	}
	if strings.HasPrefix(e.kind, "event:") {
		return e.eventMismatch(*got)
	}
	if e.count != nil && *e.count != len(got.alarms) {
		return fmt.Sprintf("want %d alarms, got %d: %s", *e.count, len(got.alarms), got.Payload)
	}
	if e.payload != nil && *e.payload != got.Payload {
		return fmt.Sprintf("want payload %s, got %s", *e.payload, got.Payload)
	}
	if e.alarms != nil {
		compare := compareList
		if e.anyOrder {
			compare = compareUnordered
		}
		if d := compare("alarms", e.alarms, got.alarms, false); d != "" {
			return d
		}
	}
	if e.fields != nil {
		return compareMap("fields", e.fields, got.Fields, true)
	}
	return ""
}

// timed is an emission with its time.
type timed struct {
	at float64
	e  Emission
}

func (x *timesExpectation) check(emitted []timed) string {
	var at []float64
	for i := range emitted {
		e := &emitted[i].e
		if e.Kind == x.kind && e.Name == x.name && (x.host == "" || e.Host == x.host) && (x.status == "" || e.Status == x.status) {
			at = append(at, emitted[i].at)
		}
	}
	subject := strings.TrimSpace(x.kind + " " + x.name + " " + x.status)
	if x.hasAt {
		if !sameTimes(x.at, at) {
			return fmt.Sprintf("%s: want it at %s, got it at %s", subject, times(x.at), times(at))
		}
		return ""
	}
	if len(at) != x.count {
		return fmt.Sprintf("%s: want %d emissions, got %d at %s", subject, x.count, len(at), times(at))
	}
	for i := 1; i < len(at); i++ {
		if !close9(at[i]-at[i-1], x.every) {
			return fmt.Sprintf("%s: want emissions %v s apart, got them at %s", subject, x.every, times(at))
		}
	}
	return ""
}

func sameTimes(want, got []float64) bool {
	if len(want) != len(got) {
		return false
	}
	for i := range want {
		if !close9(want[i], got[i]) {
			return false
		}
	}
	return true
}

func times(at []float64) string {
	parts := make([]string, len(at))
	for i, t := range at {
		parts[i] = strconv.FormatFloat(t, 'g', -1, 64)
	}
	return "[" + strings.Join(parts, " ") + "]"
}
