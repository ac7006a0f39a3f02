package web

import (
	"bytes"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"strings"
	"time"

	"github.com/tocsin-lma/tocsin/pkg/health"
	"github.com/tocsin-lma/tocsin/pkg/silence"
	"github.com/tocsin-lma/tocsin/pkg/store"
)

const (
	staleAfter    = 25 * time.Second // the age at which a silence is shown, so that a page says it within 30 s
	verdictTTL    = staleAfter       // the age at which a cluster's OKAY is worth nothing
	verdictGrace  = 15 * time.Second // beyond the interval of one that speaks more rarely
	overviewHosts = 12               // nodes on the overview, those in need first
	maxHosts      = 500              // nodes on their page
)

func (s *server) parse() error {
	functions := template.FuncMap{
		"ago":      func(t time.Time) string { return ago(s.Now().Sub(t)) },
		"span":     ago,
		"stamp":    func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
		"exact":    func(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) },
		"word":     func(st health.Status) string { return st.Word() },
		"label":    func(st health.Status) string { return st.Label() },
		"icon":     icon,
		"stale":    func(t time.Time) bool { return s.Now().Sub(t) > staleAfter },
		"path":     func(text string) string { return strings.ReplaceAll(template.URLQueryEscaper(text), "+", "%20") },
		"plural":   plural,
		"tags":     tags,
		"eventRow": func(e store.Event) eventRow { return eventRow{e, brief(reasons(e.Alarms, nil))} },
	}
	for _, name := range []string{"overview", "cluster", "nodes", "node", "events", "silences", "missing"} {
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
	clusters := s.clusters()
	p.Quiet = len(clusters) == 0
	if !p.Quiet {
		p.Worst = clusters[0].Status
	}
	// With "part" a page gives its inside only: the script swaps that in.
	entry := "layout.html"
	if r.URL.Query().Has("part") {
		entry = "part"
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

// card is a cluster of the overview.
type card struct {
	store.ClusterState
	Reasons []reason
	Waiting bool // for first reports, and nothing worse
	Silence *silence.Silence
}

func (s *server) card(c store.ClusterState) card {
	rs := reasons(c.Alarms, nil)
	return card{c, brief(rs), onlyWaiting(c.Status, rs), s.silenced(c.Name, "", "")}
}

// overviewData is the overview, the clusters in three heaps.
type overviewData struct {
	Attention []card // of the top clusters: not OKAY
	Waiting   []card // of the top clusters: yet to report
	Well      []card // of the top clusters: OKAY
	Below     []card // all others
	Headline  string
	Worst     health.Status
	Counts    []count
	Events    []store.Event
	Hosts     []store.HostState
	MoreHosts int
	Faults    []faultRow
}

type count struct {
	Status health.Status
	N      int
}

func (s *server) overview(w http.ResponseWriter, r *http.Request) {
	d := overviewData{Events: s.recent(store.Query{Limit: 12}), Hosts: s.State.Hosts(s.Now().Add(-staleAfter)), Faults: s.faultRows()}
	clusters := s.clusters()
	counts, top := map[health.Status]int{}, false
	for _, c := range clusters {
		counts[c.Status]++
		top = top || c.Top
	}
	for _, c := range clusters {
		switch v := s.card(c); {
		case top && !c.Top:
			d.Below = append(d.Below, v)
		case v.Waiting:
			d.Waiting = append(d.Waiting, v)
		case v.Status == health.Okay:
			d.Well = append(d.Well, v)
		default:
			d.Attention = append(d.Attention, v)
		}
	}
	for _, st := range []health.Status{health.Down, health.Critical, health.Warn, health.Unknown, health.Okay} {
		d.Counts = append(d.Counts, count{st, counts[st]})
	}
	d.Worst, d.Headline = headline(&d)
	if n := len(d.Hosts) - overviewHosts; n > 0 {
		d.Hosts, d.MoreHosts = d.Hosts[:overviewHosts], n
	}
	s.render(w, r, "overview", "overview", "Overview", http.StatusOK, &d)
}

// headline says in one sentence how things stand.
func headline(d *overviewData) (health.Status, string) {
	total := len(d.Attention) + len(d.Waiting) + len(d.Well)
	switch {
	case len(d.Attention) > 0:
		return d.Attention[0].Status, fmt.Sprintf("%d of %s %s attention", len(d.Attention), plural(total, "cluster"), verb(len(d.Attention), "need"))
	case len(d.Waiting) > 0:
		return health.Unknown, "Starting: " + plural(len(d.Waiting), "cluster") + " " + verb(len(d.Waiting), "wait") + " for first reports"
	}
	return health.Okay, "All is well"
}

func (s *server) recent(q store.Query) []store.Event {
	events, err := s.History.Events(q)
	if err != nil {
		s.Logger.Error("reading events failed", "error", err)
	}
	return events
}

// eventRow is an event with its reasons.
type eventRow struct {
	store.Event
	Reasons []reason
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

func (s *server) cluster(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	if at := r.URL.Query().Get("at"); at != "" {
		s.clusterThen(w, r, name, at)
		return
	}
	c, ok := s.find(name)
	e, err := s.explain(name, time.Time{})
	if !ok && err != nil {
		s.render(w, r, "missing", "", "No such cluster", http.StatusNotFound, name)
		return
	}
	if !ok {
		c = store.ClusterState{Name: name, Status: e.Evidence.Status, At: e.Evidence.At, Since: e.Evidence.At}
	}
	data := map[string]any{"Cluster": s.card(c), "Events": s.recent(store.Query{Kind: store.Cluster, Name: name, Limit: 30})}
	if err == nil {
		data["Tree"] = s.tree(e, e.Evidence, 0)
	}
	s.render(w, r, "cluster", "overview", name, http.StatusOK, data)
}

// clusterThen shows a cluster as it was.
func (s *server) clusterThen(w http.ResponseWriter, r *http.Request, name, text string) {
	at, err := parseTime(text)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	e, err := s.explain(name, at)
	if errors.Is(err, errUnknown) {
		s.render(w, r, "missing", "", "Nothing is known of then", http.StatusNotFound, name)
		return
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	c := store.ClusterState{Name: name, At: at, Since: at}
	data := map[string]any{"Then": at, "Events": s.recent(store.Query{Kind: store.Cluster, Name: name, Until: at, Limit: 30})}
	if e.Event != nil {
		c.Status, c.Since, c.Dimensions, c.Alarms = e.Event.Status, e.Event.Time, e.Event.Dimensions, e.Event.Alarms
	}
	if e.Evidence != nil {
		c.Status = e.Evidence.Status
		data["Tree"] = s.tree(e, e.Evidence, 0)
	}
	data["Cluster"] = card{ClusterState: c, Reasons: brief(reasons(c.Alarms, nil))}
	s.render(w, r, "cluster", "overview", name, http.StatusOK, data)
}

func (s *server) nodes(w http.ResponseWriter, r *http.Request) {
	wanted := r.URL.Query().Get("name")
	var hosts []store.HostState
	more := 0
	for _, h := range s.State.Hosts(s.Now().Add(-staleAfter)) {
		switch {
		case !strings.Contains(h.Host, wanted):
		case len(hosts) == maxHosts:
			more++
		default:
			hosts = append(hosts, h)
		}
	}
	s.render(w, r, "nodes", "nodes", "Nodes", http.StatusOK, map[string]any{"Hosts": hosts, "More": more, "Name": wanted})
}

func (s *server) node(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("host")
	var host *store.HostState
	for _, h := range s.State.Hosts(s.Now().Add(-staleAfter)) {
		if h.Host == name {
			host = &h
		}
	}
	if host == nil {
		s.render(w, r, "missing", "", "No such node", http.StatusNotFound, name)
		return
	}
	var bad []fact
	var well []store.MemberState
	for _, m := range s.State.MembersOf(name) {
		if m.Status == health.Okay && !s.old(m.At) {
			well = append(well, m)
			continue
		}
		bad = append(bad, fact{
			Silence: s.silenced("", m.Member, name),
			Status:  m.Status, Name: m.Member, Age: s.Now().Sub(m.At), Since: m.Since, Stale: s.old(m.At),
			Reasons: reasons(m.Alarms, func(_, _, rule string) []store.Sample { return valuesOf(m, rule) }),
		})
	}
	sortFacts(bad)
	s.render(w, r, "node", "nodes", name, http.StatusOK, map[string]any{
		"Host": host, "Bad": bad, "Well": well, "Silence": s.silencedHost(name), "Events": s.recent(store.Query{Host: name, Limit: 30}),
	})
}

func (s *server) old(at time.Time) bool { return s.Now().Sub(at) > staleAfter }

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
