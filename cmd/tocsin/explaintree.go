package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tocsin-lma/tocsin/pkg/gse"
)

// branch is a line of a tree with what hangs below it.
type branch struct {
	text string
	sub  []*branch
}

func newBranch(format string, args ...any) *branch {
	return &branch{text: fmt.Sprintf(format, args...)}
}

// add hangs a line below b.
func (b *branch) add(format string, args ...any) *branch {
	s := newBranch(format, args...)
	b.sub = append(b.sub, s)
	return s
}

// tree writes a branch and everything below it.
func (p *printer) tree(root *branch) error {
	var b strings.Builder
	b.WriteString(root.text + "\n")
	root.write(&b, "")
	return p.printf("%s", b.String())
}

func (b *branch) write(out *strings.Builder, indent string) {
	for i, s := range b.sub {
		knot, below := "├─ ", "│  "
		if i == len(b.sub)-1 {
			knot, below = "└─ ", "   "
		}
		out.WriteString(indent + knot + s.text + "\n")
		s.write(out, indent+below)
	}
}

// decision says in words which entry of the policy gave the status.
func decision(ev *gse.Evidence) string {
	switch {
	case ev.Turned:
		return "the policy gives OKAY, which counts as UNKNOWN: not every expected member is fresh and known"
	case ev.Entry < 0 || ev.Entry >= len(ev.Policy):
		return "no entry of the policy matches"
	}
	e := ev.Policy[ev.Entry]
	text := fmt.Sprintf("entry %d of %d decides: %s", ev.Entry+1, len(ev.Policy), e.Status.Label())
	if len(e.Rules) == 0 {
		return text + ", because none before it matches"
	}
	rules := make([]string, len(e.Rules))
	for i, r := range e.Rules {
		words := make([]string, len(r.Arguments))
		for j, a := range r.Arguments {
			words[j] = a.Label()
		}
		function := "count"
		if r.Percent {
			function = "percent"
		}
		rules[i] = fmt.Sprintf("%s of %s %s %s", function, strings.Join(words, " or "), r.Operator, number(r.Threshold))
	}
	word := " or "
	if e.And {
		word = " and "
	}
	return text + " when " + strings.Join(rules, word)
}

func number(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

// alarmView is an alarm of a verdict.
type alarmView struct {
	Severity  string         `json:"severity"`
	Function  string         `json:"function"`
	Metric    string         `json:"metric"`
	Fields    map[string]any `json:"fields"`
	Tags      map[string]any `json:"tags"`
	Operator  string         `json:"operator"`
	Value     any            `json:"value"`
	Threshold any            `json:"threshold"`
	Window    any            `json:"window"`
	Periods   any            `json:"periods"`
	Message   string         `json:"message"`
	Hostname  string         `json:"hostname"`
	Samples   []sampleView   `json:"samples"`
	Omitted   int            `json:"samples_omitted"`
	Held      bool           `json:"held"`
	LogLines  []string       `json:"log_lines"`
}

// sampleView is a bucket of the series.
type sampleView struct {
	Time  int64 `json:"time"`
	Value any   `json:"value"`
}

// shownValues is how many samples a line lists, the newest.
const shownValues = 12

// sampleLine lists the values of the window.
func sampleLine(samples []sampleView, omitted int) string {
	first, last := time.Unix(samples[0].Time, 0), time.Unix(samples[len(samples)-1].Time, 0)
	listed := samples[max(0, len(samples)-shownValues):]
	text := fmt.Sprintf("%d %s from %s to %s:", len(samples)+omitted, plural(len(samples)+omitted, "sample", "samples"), stamp(first), stamp(last))
	if len(listed) < len(samples)+omitted {
		text += " ..."
	}
	for _, s := range listed {
		text += " " + plain(s.Value)
	}
	return text
}

var knownAlarmKeys = []string{"severity", "function", "metric", "fields", "tags", "operator", "value", "threshold", "window", "periods", "message", "hostname", "samples", "samples_omitted", "held", "log_lines"}

// alarmBranch hangs an alarm below b: its message, the rule with the value that
// met it, and the evidence it carries.
func alarmBranch(p *printer, b *branch, raw json.RawMessage) {
	var a alarmView
	var all map[string]json.RawMessage
	if json.Unmarshal(raw, &a) != nil || json.Unmarshal(raw, &all) != nil {
		b.add("%s", raw)
		return
	}
	text := orNone(a.Message)
	if a.Hostname != "" {
		text += " (on " + a.Hostname + ")"
	}
	if name, ok := a.Tags["dependency_name"].(string); ok {
		text += fmt.Sprintf(" [%v %s]", a.Tags["dependency_level"], name)
	}
	line := b.add("%s  %s", p.paint(a.Severity), text)
	if a.Metric != "" {
		line.add("%s(%s%s) %s %v over %vs x %v; the value is %s", a.Function, a.Metric, selection(a.Fields), a.Operator,
			plain(a.Threshold), plain(a.Window), plain(a.Periods), plain(a.Value))
	}
	if len(a.Samples) > 0 {
		line.add("%s", sampleLine(a.Samples, a.Omitted))
	}
	if a.Held {
		line.add("it matched before; clear_after keeps it raised")
	}
	if len(a.LogLines) > 0 {
		sub := line.add("the last log lines behind it")
		for _, l := range a.LogLines {
			sub.add("%s", l)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(all)) {
		if !slices.Contains(knownAlarmKeys, key) {
			evidenceBranch(line, key, all[key])
		}
	}
}

// evidenceBranch shows what an alarm carries beyond its rule: lists line by
// line, the rest as it is.
func evidenceBranch(b *branch, key string, raw json.RawMessage) {
	var object map[string]json.RawMessage
	if json.Unmarshal(raw, &object) == nil && len(object) > 0 {
		sub := b.add("%s", key)
		for _, name := range slices.Sorted(maps.Keys(object)) {
			evidenceBranch(sub, name, object[name])
		}
		return
	}
	var lines []string
	if json.Unmarshal(raw, &lines) == nil && len(lines) > 0 {
		sub := b.add("%s", key)
		for _, l := range lines {
			sub.add("%s", l)
		}
		return
	}
	b.add("%s: %s", key, strings.Trim(string(raw), `"`))
}

// plain writes a number of JSON without exponents; infinity is told by the
// greatest number there is.
func plain(v any) string {
	f, ok := v.(float64)
	switch {
	case v == nil:
		return "none"
	case !ok:
		return fmt.Sprint(v)
	case f > 1e300:
		return "inf"
	case f < -1e300:
		return "-inf"
	}
	return number(f)
}

func selection(fields map[string]any) string {
	parts := make([]string, 0, len(fields))
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		parts = append(parts, fmt.Sprintf("%s=%s", name, plain(fields[name])))
	}
	if len(parts) == 0 {
		return ""
	}
	return "{" + strings.Join(parts, ", ") + "}"
}
