package alarmtest

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"

	"github.com/tocsin-lma/tocsin/pkg/config"
	"github.com/tocsin-lma/tocsin/pkg/encoders"
	"github.com/tocsin-lma/tocsin/pkg/message"
)

type encoder struct {
	name string
	encoders.Encoder
}

// newEncoders makes the encoders of a test: those of sensu, nagios and mail that
// the model configures.
func newEncoders(n *config.Node) ([]*encoder, error) {
	var out []*encoder
	for _, name := range []string{"sensu", "nagios", "mail"} {
		if n.Get(name) == nil {
			continue
		}
		e, err := newEncoder(name, n.Get(name, "config"))
		if err != nil {
			return nil, fmt.Errorf("make encoder %s: %w", name, err)
		}
		out = append(out, &encoder{name, e})
	}
	return out, nil
}

// route gives the encoders what the aggregator's outputs would get: watchdogs,
// and verdicts that may alert.
func (w *world) route(m *message.Message) {
	kind := strings.TrimPrefix(m.Type, "heka.sandbox.")
	alerting, _ := m.Bool("alerting_enabled")
	if kind == "watchdog" || (kind == "afd_metric" || kind == "gse_metric") && alerting {
		w.encode(m)
	}
}

func (w *world) encode(m *message.Message) {
	kind := strings.TrimPrefix(m.Type, "heka.sandbox.")
	for _, enc := range w.encoders {
		if !w.direct && enc.name == "nagios" && kind == "watchdog" {
			continue
		}
		if !w.direct && enc.name == "mail" && (kind == "watchdog" || m.Field("cluster_name") == nil) {
			continue // mails are about top-level clusters
		}
		body, err := enc.Encode(nil, m)
		e := Emission{Kind: "event:" + enc.name}
		e.Name, _ = m.Text("member")
		switch {
		case err != nil:
			e.Error = err.Error()
		case len(body) == 0:
			continue
		default:
			e.Body = string(body)
			e.Name = eventName(enc.name, e.Body, m)
		}
		w.emitted = append(w.emitted, e)
	}
}

func eventName(encoder, body string, m *message.Message) string {
	name := ""
	switch encoder {
	case "sensu":
		var object struct {
			Name string `json:"name"`
		}
		if json.Unmarshal([]byte(body), &object) == nil {
			name = object.Name
		}
	case "nagios":
		if form, err := url.ParseQuery(strings.TrimSpace(body)); err == nil {
			name = form.Get("service")
		}
	case "mail":
		name, _ = m.Text("cluster_name")
	}
	return name
}

// mismatch explains how an event differs from an expectation.
func (e *entry) eventMismatch(got Emission) string {
	switch {
	case e.json != nil:
		var object any
		if err := json.Unmarshal([]byte(got.Body), &object); err != nil {
			return fmt.Sprintf("the event is not JSON: %v", err)
		}
		if d := compareValue("json", anyMap(e.json), object, false); d != "" {
			return d
		}
	case e.form != nil:
		form, err := url.ParseQuery(strings.TrimSpace(got.Body))
		if err != nil {
			return fmt.Sprintf("the event is not a form: %v", err)
		}
		if d := compareForm(e.form, form); d != "" {
			return d
		}
	}
	for _, part := range e.body {
		if !strings.Contains(got.Body, part) {
			return fmt.Sprintf("the body lacks %q: %q", part, got.Body)
		}
	}
	title, text, _ := strings.Cut(got.Body, "\n")
	if e.title != nil {
		if d := compareText("title", *e.title, title); d != "" {
			return d
		}
	}
	if e.text != nil {
		return compareText("text", *e.text, strings.TrimSuffix(text, "\n"))
	}
	return ""
}

func anyMap(m map[string]any) any { return m }

func compareForm(want map[string]any, form url.Values) string {
	for k, v := range want {
		got, there := form[k]
		switch {
		case v == nil && there:
			return fmt.Sprintf("form.%s: want it absent, got %q", k, got)
		case v == nil:
		case !there:
			return fmt.Sprintf("form.%s: want %s, it is absent", k, show(v))
		default:
			if d := compareText("form."+k, scalarText(v), got[0]); d != "" {
				return d
			}
		}
	}
	return ""
}
