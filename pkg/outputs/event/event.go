// Package event reads the status events that the notifying outputs send on:
// icinga2, alertmanager, webhook, smtp.
//
// An event is one line of JSON:
//
//	{"id":"...","time":"2017-03-13T09:58:41Z","name":"nova","host":"ctl01",
//	 "status":3,"label":"CRITICAL","text":"...","ttl":120,"handler":"mail",
//	 "dimensions":{"cluster_name":"nova"}}
//
// name is a member or a cluster; host is empty for a cluster; status is 0 okay, 1
// warning, 2 unknown, 3 critical, 4 down. A check result as Sensu has it (name,
// source, status 0 to 2, output that begins with the label) is an event, too.
//
// Invariant: an event that was read has a name and a status that exists.
package event

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tocsin-lma/tocsin/pkg/message"
)

// The statuses, in the order of their numbers.
const (
	Okay = iota
	Warning
	Unknown
	Critical
	Down
)

var labels = []string{"OKAY", "WARN", "UNKNOWN", "CRITICAL", "DOWN"}

// aliases are other words for labels.
var aliases = map[string]int{"OK": Okay, "WARNING": Warning, "UNKN": Unknown, "CRIT": Critical}

// Event is the health of one member or cluster at one time.
type Event struct {
	ID         string            `json:"id"`
	Time       time.Time         `json:"time"` // zero: not known
	Name       string            `json:"name"`
	Host       string            `json:"host"`
	Status     int               `json:"status"`
	Label      string            `json:"label"`
	Text       string            `json:"text"`
	TTL        int               `json:"ttl"` // seconds; 0: none
	Handler    string            `json:"handler"`
	Dimensions map[string]string `json:"dimensions"`
}

// wire is an event, or what else is accepted as one.
type wire struct {
	Event
	Member string `json:"member"`
	Source string `json:"source"`
	Output string `json:"output"`
}

// Parse reads one line. Its errors wrap message.ErrPermanent.
func Parse(line []byte) (Event, error) {
	var w wire
	if err := json.Unmarshal(line, &w); err != nil {
		return Event{}, fmt.Errorf("read event: %w: %w", message.ErrPermanent, err)
	}
	e := w.Event
	if e.Name == "" {
		e.Name = w.Member
	}
	if e.Host == "" {
		e.Host = w.Source
	}
	if w.Output != "" {
		word, text, found := strings.Cut(w.Output, ": ")
		if found && number(word) >= 0 {
			e.Label = word
		} else {
			text = w.Output
		}
		e.Text = strings.TrimSpace(text)
		if e.Status >= 2 {
			e.Status = Critical // where the label says nothing
		}
	}
	if n := number(e.Label); n >= 0 {
		e.Status = n
	}
	if e.Name == "" || e.Status < Okay || e.Status > Down {
		return Event{}, fmt.Errorf("read event: %w: name %q, status %d", message.ErrPermanent, e.Name, e.Status)
	}
	e.Label = labels[e.Status]
	return e, nil
}

func number(label string) int {
	word := strings.ToUpper(strings.TrimSpace(label))
	if n, ok := aliases[word]; ok {
		return n
	}
	return slices.Index(labels, word)
}

// Title is one line that says it all: "nova CRITICAL", "disk WARN on node-1".
func (e Event) Title() string {
	title := e.Name + " " + e.Label
	if e.Host != "" {
		title += " on " + e.Host
	}
	return title
}
