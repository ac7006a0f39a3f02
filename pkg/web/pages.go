package web

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tocsin-lma/tocsin/pkg/gse"
	"github.com/tocsin-lma/tocsin/pkg/health"
	"github.com/tocsin-lma/tocsin/pkg/store"
)

// staleAfter is the age at which a node's silence is shown.
const staleAfter = 30 * time.Second

func (s *server) parse() error {
	functions := template.FuncMap{
		"ago":     func(t time.Time) string { return ago(s.Now().Sub(t)) },
		"stamp":   func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
		"clock":   func(t time.Time) string { return t.UTC().Format("15:04:05") },
		"word":    func(st health.Status) string { return st.Word() },
		"label":   func(st health.Status) string { return st.Label() },
		"icon":    icon,
		"alarm":   parseAlarm,
		"stale":   func(t time.Time) bool { return s.Now().Sub(t) > staleAfter },
		"path":    func(text string) string { return strings.ReplaceAll(template.URLQueryEscaper(text), "+", "%20") },
		"seconds": func(d time.Duration) string { return ago(d) },
		"rule":    policyRule,
	}
	for _, name := range []string{"overview", "cluster", "nodes", "node", "events", "missing"} {
		t, err := template.New("layout.html").Funcs(functions).ParseFS(files, "templates/layout.html", "templates/parts.html", "templates/"+name+".html")
		if err != nil {
			return fmt.Errorf("parse page %s: %w", name, err)
		}
		s.pages[name] = t
	}
	return nil
}

// page is what every template gets.
type page struct {
	Here    string // the entry of the navigation
	Heading string
	Title   string
	Version string
	Worst   health.Status
	Quiet   bool // nothing is known yet
	Data    any
}

func (s *server) render(w http.ResponseWriter, r *http.Request, name, here, heading string, code int, data any) {
	p := page{Here: here, Heading: heading, Title: s.Title, Version: s.Version, Data: data}
	clusters := s.State.Clusters()
	p.Quiet = len(clusters) == 0
	if !p.Quiet {
		p.Worst = clusters[0].Status
	}
	// With "part" a page gives its inside only: the script swaps that in.
	entry := "layout.html"
	if r.URL.Query().Has("part") {
		entry = "main"
	}
	var b bytes.Buffer
	if err := s.pages[name].ExecuteTemplate(&b, entry, p); err != nil {
		s.Logger.Error("rendering a page failed", "page", name, "error", err)
		http.Error(w, "this page cannot be shown; the log says why", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(code)
	_, _ = w.Write(b.Bytes())
}

type count struct {
	Status health.Status
	N      int
}

func (s *server) overview(w http.ResponseWriter, r *http.Request) {
	events, err := s.History.Events(store.Query{Limit: 12})
	if err != nil {
		s.Logger.Error("reading events failed", "error", err)
	}
	var top, others []store.ClusterState
	counts := map[health.Status]int{}
	for _, c := range s.State.Clusters() {
		counts[c.Status]++
		if c.Top {
			top = append(top, c)
		} else {
			others = append(others, c)
		}
	}
	if len(top) == 0 {
		top, others = others, nil
	}
	var strip []count
	for _, st := range []health.Status{health.Down, health.Critical, health.Warn, health.Unknown, health.Okay} {
		strip = append(strip, count{st, counts[st]})
	}
	s.render(w, r, "overview", "overview", "Overview", http.StatusOK, map[string]any{
		"Top": top, "Others": others, "Counts": strip, "Events": events, "Nodes": s.nodeRows(), "Faults": s.faultRows(),
	})
}

type faultRow struct {
	Name, Title string
	Active      bool
}

func (s *server) faultRows() (rows []faultRow) {
	for _, f := range s.Faults {
		rows = append(rows, faultRow{f.Name, f.Title, f.Active()})
	}
	return rows
}

// nodeRow is a host with the worst of its alarms.
type nodeRow struct {
	store.NodeState
	Worst health.Status
	Bad   int // alarms that are not OKAY
	Total int
}

func (s *server) nodeRows() []nodeRow {
	byHost := map[string]*nodeRow{}
	var rows []*nodeRow
	for _, n := range s.State.Nodes() {
		row := &nodeRow{NodeState: n}
		byHost[n.Host] = row
		rows = append(rows, row)
	}
	for _, m := range s.State.Members() {
		row, ok := byHost[m.Host]
		if m.Host == "" {
			continue
		}
		if !ok {
			row = &nodeRow{NodeState: store.NodeState{Host: m.Host, At: m.At}}
			byHost[m.Host] = row
			rows = append(rows, row)
		}
		row.Total++
		if m.Status != health.Okay {
			row.Bad++
			row.Worst = health.Worst(row.Worst, m.Status)
			if row.Worst == health.Okay {
				row.Worst = health.Unknown
			}
		}
	}
	out := make([]nodeRow, len(rows))
	for i, row := range rows {
		out[i] = *row
	}
	slices.SortFunc(out, func(a, b nodeRow) int { return strings.Compare(a.Host, b.Host) })
	return out
}

func (s *server) cluster(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	c, ok := s.find(name)
	evidence, explained := s.Evaluator.Explain(name, s.Now())
	if !ok && !explained {
		s.render(w, r, "missing", "", "No such cluster", http.StatusNotFound, name)
		return
	}
	events, err := s.History.Events(store.Query{Kind: store.Cluster, Name: name, Limit: 30})
	if err != nil {
		s.Logger.Error("reading events failed", "error", err)
	}
	var why *gse.Evidence
	if explained {
		why = &evidence
	}
	if !ok {
		c = store.ClusterState{Name: name, Status: evidence.Status, At: evidence.At, Since: evidence.At}
	}
	s.render(w, r, "cluster", "overview", name, http.StatusOK, map[string]any{"Cluster": c, "Why": why, "Events": events})
}

func (s *server) nodes(w http.ResponseWriter, r *http.Request) {
	s.render(w, r, "nodes", "nodes", "Nodes", http.StatusOK, s.nodeRows())
}

func (s *server) node(w http.ResponseWriter, r *http.Request) {
	host := r.PathValue("host")
	var members []store.MemberState
	for _, m := range s.State.Members() {
		if m.Host == host {
			members = append(members, m)
		}
	}
	var row *nodeRow
	for _, n := range s.nodeRows() {
		if n.Host == host {
			row = &n
		}
	}
	if row == nil {
		s.render(w, r, "missing", "", "No such node", http.StatusNotFound, host)
		return
	}
	slices.SortStableFunc(members, func(a, b store.MemberState) int { return attention(b.Status) - attention(a.Status) })
	events, err := s.History.Events(store.Query{Host: host, Limit: 30})
	if err != nil {
		s.Logger.Error("reading events failed", "error", err)
	}
	s.render(w, r, "node", "nodes", host, http.StatusOK, map[string]any{"Node": row, "Members": members, "Events": events})
}

// attention orders statuses for a reader: what is unknown comes before what is well.
func attention(st health.Status) int {
	if st == health.Okay {
		return -1
	}
	return st.Weight()
}

func (s *server) events(w http.ResponseWriter, r *http.Request) {
	q, err := eventQuery(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	events, err := s.History.Events(q)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	s.render(w, r, "events", "events", "Events", http.StatusOK, map[string]any{"Events": events, "Query": q})
}

// alarmView is an alarm of a verdict's payload, for people.
type alarmView struct {
	Severity, Message, Rule, Current, Host string
	Hint                                   string // the cluster it was taken from; "": the cluster's own
	Member                                 string
}

func parseAlarm(raw json.RawMessage) alarmView {
	var a struct {
		Severity, Message, Function, Metric, Operator, Hostname string
		Value, Threshold                                        json.Number
		Fields, Tags                                            map[string]any
	}
	if json.Unmarshal(raw, &a) != nil {
		return alarmView{Message: string(raw)}
	}
	v := alarmView{Severity: a.Severity, Message: a.Message, Host: a.Hostname}
	if name, ok := a.Tags["dependency_name"].(string); ok {
		v.Member = name
		if a.Tags["dependency_level"] == "hint" {
			v.Hint = name
		}
	}
	if a.Metric == "" {
		return v
	}
	v.Rule = fmt.Sprintf("%s(%s%s) %s %s", a.Function, a.Metric, selector(a.Fields), a.Operator, a.Threshold)
	if f, err := a.Value.Float64(); err == nil {
		v.Current = strconv.FormatFloat(f, 'f', -1, 64)
		if len(v.Current) > 10 {
			v.Current = strconv.FormatFloat(f, 'f', 2, 64)
		}
	}
	return v
}

func selector(fields map[string]any) string {
	var parts []string
	for name, value := range fields {
		parts = append(parts, fmt.Sprintf("%s=%q", name, fmt.Sprint(value)))
	}
	if len(parts) == 0 {
		return ""
	}
	slices.Sort(parts)
	return "[" + strings.Join(parts, ",") + "]"
}

// policyRule says in words what the deciding entry of a policy asks.
func policyRule(e *gse.Evidence) string {
	if e.Turned {
		return "the policy said OKAY, but not every expected member is fresh and known"
	}
	if e.Entry < 0 || e.Entry >= len(e.Policy) {
		return "no entry of the policy matched"
	}
	entry := e.Policy[e.Entry]
	if len(entry.Rules) == 0 {
		return "none of the entries before matched"
	}
	var parts []string
	for _, r := range entry.Rules {
		var words []string
		for _, a := range r.Arguments {
			words = append(words, a.Label())
		}
		unit := "groups are"
		if r.Percent {
			unit = "% of groups are"
		}
		parts = append(parts, fmt.Sprintf("%s %s %s %s", r.Operator, strconv.FormatFloat(r.Threshold, 'f', -1, 64), unit, strings.Join(words, " or ")))
	}
	join := " or "
	if entry.And {
		join = " and "
	}
	return strings.Join(parts, join)
}

func icon(st health.Status) string {
	return [...]string{health.Okay: "✓", health.Warn: "!", health.Unknown: "?", health.Critical: "✕", health.Down: "▼"}[st]
}

// ago prints a span in the two largest units that matter.
func ago(d time.Duration) string {
	d = max(d, 0)
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm %ds", int(d.Minutes()), int(d.Seconds())%60)
	case d < 24*time.Hour:
		return fmt.Sprintf("%dh %dm", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%dd %dh", int(d.Hours())/24, int(d.Hours())%24)
}
