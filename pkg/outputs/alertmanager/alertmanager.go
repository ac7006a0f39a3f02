// Package alertmanager sends events to the Alertmanager of Prometheus.
//
// A batch is a sequence of events (package event) and one request. An alert is
// known by its labels, severity among them, so each event is sent as one alert for
// every severity: the one it has burns, the others are over.
//
// Invariant: sending an event again changes nothing, and an alert burns for as
// long as `hold` says after the last event about it.
package alertmanager

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/tocsin-lma/tocsin/pkg/message"
	"github.com/tocsin-lma/tocsin/pkg/outputs/batch"
	"github.com/tocsin-lma/tocsin/pkg/outputs/event"
	"github.com/tocsin-lma/tocsin/pkg/outputs/httpsend"
)

// Config is the section of an Alertmanager output.
type Config struct {
	httpsend.Config `yaml:",inline"`

	Labels map[string]string `yaml:"labels"` // added to every alert
	Hold   time.Duration     `yaml:"hold"`   // how long an alert burns without news
	Source string            `yaml:"source"` // URL that alerts link to
}

// DefaultConfig returns the defaults: the Alertmanager on this host.
func DefaultConfig() Config {
	return Config{Config: httpsend.Config{Address: "http://127.0.0.1:9093"}, Hold: 24 * time.Hour}
}

// severities are the values of the label severity.
var severities = map[int]string{
	event.Warning: "warning", event.Unknown: "unknown", event.Critical: "critical", event.Down: "down",
}

// Output sends alerts. Calls of Send are never concurrent.
type Output struct {
	cfg  Config
	http *httpsend.Client
	url  string
	now  func() time.Time
}

// New makes an output; it connects when the first batch is sent. now is the clock;
// nil: time.Now.
func New(cfg Config, now func() time.Time) (*Output, error) {
	client, err := httpsend.New(cfg.Config)
	if err != nil {
		return nil, err
	}
	if now == nil {
		now = time.Now
	}
	if cfg.Hold <= 0 {
		return nil, fmt.Errorf("read hold: %s is not above 0", cfg.Hold)
	}
	return &Output{cfg: cfg, http: client, url: client.URL().JoinPath("api/v2/alerts").String(), now: now}, nil
}

type alert struct {
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations,omitempty"`
	StartsAt    *time.Time        `json:"startsAt,omitempty"`
	EndsAt      time.Time         `json:"endsAt"`
	Source      string            `json:"generatorURL,omitempty"`
}

// Send sends the events of b.
func (o *Output) Send(ctx context.Context, b []byte) error {
	if len(b) == 0 {
		return nil
	}
	return batch.Halving(ctx, b, batch.Line, func(ctx context.Context, part []byte) error {
		alerts, err := o.alerts(part)
		if err != nil {
			return err
		}
		body, err := json.Marshal(alerts)
		if err != nil {
			return fmt.Errorf("write alerts: %w: %w", message.ErrPermanent, err)
		}
		return httpsend.Whole(o.http.Send(ctx, httpsend.Request{URL: o.url, Type: "application/json", Body: body}), part)
	})
}

// alerts reads the events; of several about one thing the last one counts.
func (o *Output) alerts(b []byte) ([]alert, error) {
	var all []alert
	last := map[string]int{} // index of a thing's first alert
	for len(b) > 0 {
		var line []byte
		line, b = batch.Line(b)
		e, err := event.Parse(bytes.TrimSpace(line))
		if err != nil {
			return nil, err
		}
		thing := e.Name + "\x00" + e.Host
		alerts := o.alert(e)
		if at, ok := last[thing]; ok {
			copy(all[at:], alerts)
			continue
		}
		last[thing] = len(all)
		all = append(all, alerts...)
	}
	return all, nil
}

// alert makes the alerts of one event, one for each severity.
func (o *Output) alert(e event.Event) []alert {
	now := o.now()
	alerts := make([]alert, 0, len(severities))
	for status := event.Warning; status <= event.Down; status++ {
		a := alert{Labels: map[string]string{}, EndsAt: now, Source: o.cfg.Source}
		for k, v := range e.Dimensions {
			a.Labels[labelName(k)] = v
		}
		for k, v := range o.cfg.Labels {
			a.Labels[labelName(k)] = v
		}
		a.Labels["alertname"], a.Labels["severity"] = e.Name, severities[status]
		if e.Host != "" {
			a.Labels["instance"] = e.Host
		}
		if status == e.Status {
			a.EndsAt = now.Add(o.cfg.Hold)
			a.Annotations = map[string]string{"summary": e.Title(), "description": e.Text}
			if !e.Time.IsZero() {
				a.StartsAt = &e.Time
			}
		} else {
			start := now.Add(-time.Second) // an end must not be before the start
			a.StartsAt = &start
		}
		alerts = append(alerts, a)
	}
	return alerts
}

// labelName turns a dimension's name into one that Prometheus takes.
func labelName(s string) string {
	name := strings.Map(func(r rune) rune {
		if r == '_' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, s)
	if name == "" || name[0] >= '0' && name[0] <= '9' {
		name = "_" + name
	}
	return name
}

// Close closes the idle connections.
func (o *Output) Close() error { return o.http.Close() }
