package web

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"github.com/tocsin-lma/tocsin/pkg/health"
	"github.com/tocsin-lma/tocsin/pkg/store"
)

// maxLogLines bounds the log lines shown under one reason.
const maxLogLines = 10

// reason is one line of why something is not OKAY. Alarms that say the same of
// several members, or in several severities, are one reason.
type reason struct {
	Status  health.Status
	Text    string
	Host    string
	Member  string   // whose alarm it is; "" when Members says it
	Members []string // several members that share the reason
	Hint    string   // the cluster it was taken from; "": the cluster's own
	Rule    string   // the rule in one line
	Current string   // its value
	Waiting bool     // nothing has ever been reported: no failure yet
	Silent  float64  // seconds since the last report, when it was too long ago
	Spark   *spark
	Logs    []string

	rank int
}

// reasons turns the alarms of a verdict into what a person reads, the worst
// first and what only waits last. trail finds values that a member reported
// before; nil: there are none.
func reasons(alarms []json.RawMessage, trail func(host, member, rule string) []store.Sample) []reason {
	var out []reason
	waiting := map[string]int{} // hint -> index into out
	silent := map[string]int{}  // host and hint -> index into out
	empty := map[string]int{}   // what lacks data -> index into out
	for _, raw := range alarms {
		a := gjson.ParseBytes(raw)
		r := parseReason(a)
		value := a.Get("value")
		switch {
		case r.Waiting:
			if i, ok := waiting[r.Hint]; ok {
				out[i].Members = append(out[i].Members, r.Member)
				continue
			}
			waiting[r.Hint] = len(out)
			r.Members = []string{r.Member}
		case r.Silent > 0 && r.Member != "":
			key := r.Host + "\x00" + r.Hint
			if i, ok := silent[key]; ok {
				out[i].Members = append(out[i].Members, r.Member)
				out[i].Silent = max(out[i].Silent, r.Silent)
				continue
			}
			silent[key] = len(out)
			r.Members = []string{r.Member}
		case r.Status == health.Unknown && value.Num == -1:
			// One metric without data makes every trigger on it say so.
			r.Current, r.Rule = "", a.Get("metric").Str+selector(a.Get("fields"))
			key := strings.Join([]string{r.Host, r.Member, r.Hint, r.Text, r.Rule}, "\x00")
			if _, ok := empty[key]; ok {
				continue
			}
			empty[key] = len(out)
		}
		addEvidence(&r, a, trail)
		out = append(out, r)
	}
	for i := range out {
		switch r := &out[i]; {
		case r.Silent > 0 && len(r.Members) > 1:
			r.Text, r.Member = list(r.Members, 3)+" have been silent for "+ago(seconds(r.Silent)), ""
		case r.Waiting && r.Hint != "":
			r.Text = r.Hint + " waits for first reports"
		case r.Waiting:
			r.Text, r.Member = "Waiting for the first report of "+list(r.Members, 4), ""
		}
	}
	slices.SortStableFunc(out, func(a, b reason) int { return b.rank - a.rank })
	return out
}

// brief leaves one of the reasons that differ only in the series: the first,
// which stands for the others on a card or in an event.
func brief(rs []reason) (out []reason) {
	type key struct {
		text, host, hint string
		status           health.Status
	}
	seen := map[key]bool{}
	for _, r := range rs {
		if k := (key{r.Text, r.Host, r.Hint, r.Status}); !seen[k] {
			seen[k] = true
			out = append(out, r)
		}
	}
	return out
}

// parseReason reads one alarm object, by its fields and never by its text.
func parseReason(a gjson.Result) reason {
	if !a.IsObject() {
		return reason{Text: cmp.Or(a.String(), "No description"), Status: health.Unknown}
	}
	r := reason{Text: a.Get("message").Str, Host: a.Get("hostname").Str, Member: a.Get("tags.dependency_name").Str}
	status, err := health.Parse(a.Get("severity").Str)
	if err != nil {
		status = health.Unknown
	}
	r.Status, r.rank = status, 4*attention(status)
	if a.Get("tags.dependency_level").Str == "hint" {
		r.Hint, r.Member = r.Member, ""
		r.rank -= 2
	}
	metric, function := a.Get("metric").Str, a.Get("function").Str
	if function == "age" && metric == "status" && r.Status == health.Unknown {
		age := a.Get("value").Num
		switch {
		case age < 0 && r.Host == "" && (r.Member != "" || r.Hint != ""):
			r.Waiting = true
			r.rank--
		case age < 0: // a pair that is expected, or a limit: the text says it
		case age >= a.Get("threshold").Num:
			r.Silent = age
			r.Text = fmt.Sprintf("%s has been silent for %s", cmp.Or(r.Member, r.Hint, "It"), ago(seconds(age)))
		default:
			r.Text = fmt.Sprintf("%s says that its status is unknown, %s ago", cmp.Or(r.Member, r.Hint, "It"), ago(seconds(age)))
		}
		return r
	}
	if metric != "" {
		r.Rule = fmt.Sprintf("%s(%s%s) %s %s", function, metric, selector(a.Get("fields")), a.Get("operator").Str, a.Get("threshold").Raw)
		r.Current = number(a.Get("value"))
	}
	r.Text = cmp.Or(r.Text, "No description")
	return r
}

func seconds(s float64) time.Duration { return time.Duration(min(s, 1e9) * float64(time.Second)) }

// addEvidence takes samples and log lines from the alarm itself, or the values
// that earlier verdicts carried.
func addEvidence(r *reason, a gjson.Result, trail func(host, member, rule string) []store.Sample) {
	for _, line := range a.Get("log_lines").Array() {
		if len(r.Logs) < maxLogLines && line.Type == gjson.String {
			r.Logs = append(r.Logs, line.Str)
		}
	}
	if r.Rule == "" || r.Current == "" {
		return
	}
	var samples []store.Sample
	for _, s := range a.Get("samples").Array() {
		samples = append(samples, store.Sample{Time: time.Unix(s.Get("time").Int(), 0), Value: s.Get("value").Num})
	}
	source := "samples of the window"
	if len(samples) == 0 && trail != nil {
		samples, source = trail(r.Host, r.Member, store.RuleKey(a)), "values of the last verdicts"
	}
	r.Spark = newSpark(samples, a.Get("threshold"), source)
}

// number prints a value with what digits a person reads.
func number(v gjson.Result) string {
	if v.Type != gjson.Number {
		return ""
	}
	text := strconv.FormatFloat(v.Num, 'f', -1, 64)
	if len(text) > 8 {
		text = strconv.FormatFloat(v.Num, 'g', 4, 64)
	}
	return text
}

func selector(fields gjson.Result) string {
	var parts []string
	fields.ForEach(func(name, value gjson.Result) bool {
		parts = append(parts, fmt.Sprintf("%s=%q", name.Str, value.String()))
		return true
	})
	if len(parts) == 0 {
		return ""
	}
	slices.Sort(parts)
	return "[" + strings.Join(parts, ", ") + "]"
}

// list names the first n of names and counts the others.
func list(names []string, n int) string {
	if len(names) == 1 {
		return names[0]
	}
	if len(names) > n {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:n-1], ", "), len(names)-n+1)
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}

// onlyWaiting reports whether nothing worse is known than that reports are yet
// to come.
func onlyWaiting(status health.Status, rs []reason) bool {
	return status == health.Unknown && len(rs) > 0 && !slices.ContainsFunc(rs, func(r reason) bool { return !r.Waiting })
}

// attention orders statuses for a reader: what is unknown comes before what is
// well, and after what is known to be wrong.
func attention(st health.Status) int {
	return [...]int{health.Okay: 0, health.Unknown: 1, health.Warn: 2, health.Critical: 3, health.Down: 4}[st]
}

// Why says in one line why a verdict is what it is: the worst reason, and how
// many others there are; "" when there is none.
func Why(alarms []json.RawMessage) string {
	rs := brief(reasons(alarms, nil))
	if len(rs) == 0 {
		return ""
	}
	text := rs[0].Text
	if rs[0].Current != "" {
		text += " (" + rs[0].Current + ")"
	}
	if rs[0].Host != "" {
		text += " on " + rs[0].Host
	}
	if len(rs) > 1 {
		text += fmt.Sprintf(" and %d more", len(rs)-1)
	}
	return text
}

// Span prints a duration in the two largest units that matter, such as "3m 20s".
func Span(d time.Duration) string { return ago(d) }
