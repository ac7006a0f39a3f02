// Package health holds the status of alarms and clusters: its codes, its order
// and its words. It is pure: it knows no clock and does no I/O.
//
// Invariant: codes are for the wire and for dashboards, weights are for
// comparing; UNKNOWN has the lowest weight although its code lies in the middle.
package health

import (
	"fmt"
	"strings"
)

// Status is the health of an alarm or a cluster; its number is the code that
// travels in the field `value`.
type Status uint8

// The statuses, by code.
const (
	Okay Status = iota
	Warn
	Unknown
	Critical
	Down
)

type row struct {
	label, word           string
	weight, sensu, nagios int
}

var table = [...]row{
	Okay:     {"OKAY", "okay", 1, 0, 0},
	Warn:     {"WARN", "warning", 2, 1, 1},
	Unknown:  {"UNKNOWN", "unknown", 0, 2, 3},
	Critical: {"CRITICAL", "critical", 3, 2, 2},
	Down:     {"DOWN", "down", 4, 2, 2},
}

// All returns every status in the order of the codes.
func All() []Status { return []Status{Okay, Warn, Unknown, Critical, Down} }

// Valid reports whether s is one of the five statuses.
func (s Status) Valid() bool { return int(s) < len(table) }

func (s Status) row() row {
	if !s.Valid() {
		return table[Unknown]
	}
	return table[s]
}

// Weight orders statuses for "worst of": UNKNOWN 0, OKAY 1, WARN 2, CRITICAL 3,
// DOWN 4. An invalid status weighs as UNKNOWN.
func (s Status) Weight() int { return s.row().weight }

// Label returns the upper-case word of payloads and texts: OKAY, WARN, UNKNOWN,
// CRITICAL, DOWN.
func (s Status) Label() string { return s.row().label }

// Word returns the word of the model: okay, warning, unknown, critical, down.
func (s Status) Word() string { return s.row().word }

// String returns the word of the model.
func (s Status) String() string { return s.Word() }

// Sensu returns the status code of a Sensu check result.
func (s Status) Sensu() int { return s.row().sensu }

// Nagios returns the state code of a Nagios passive check.
func (s Status) Nagios() int { return s.row().nagios }

// Parse reads a word of the model or a label, in any case.
func Parse(word string) (Status, error) {
	for s, r := range table {
		if strings.EqualFold(word, r.word) || strings.EqualFold(word, r.label) {
			return Status(s), nil
		}
	}
	return Unknown, fmt.Errorf("parse status %q: want okay, warning, unknown, critical or down", word)
}

// FromCode returns the status of a code in a message, and whether there is one:
// the code must be a whole number from 0 to 4.
func FromCode(code float64) (Status, bool) {
	if code >= 0 && code < float64(len(table)) && code == float64(int(code)) {
		return Status(code), true
	}
	return Unknown, false
}

// Worst returns the status with the greater weight, a if they weigh the same.
func Worst(a, b Status) Status {
	if b.Weight() > a.Weight() {
		return b
	}
	return a
}

// MarshalText writes the word, so that JSON shows words and not codes.
func (s Status) MarshalText() ([]byte, error) { return []byte(s.Word()), nil }

// UnmarshalText reads what MarshalText wrote, or any word Parse takes.
func (s *Status) UnmarshalText(text []byte) error {
	parsed, err := Parse(string(text))
	if err == nil {
		*s = parsed
	}
	return err
}
