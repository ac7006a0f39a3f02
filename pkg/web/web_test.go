package web_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/pkg/gse"
	"github.com/tocsin-lma/tocsin/pkg/health"
	"github.com/tocsin-lma/tocsin/pkg/message"
	"github.com/tocsin-lma/tocsin/pkg/silence"
	"github.com/tocsin-lma/tocsin/pkg/store"
	"github.com/tocsin-lma/tocsin/pkg/web"
)

// start is when every test begins.
func start() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

// site is a health page with what the test told it.
type site struct {
	t        *testing.T
	state    *store.State
	now      time.Time
	evidence map[string]gse.Evidence
	interval time.Duration // of every cluster, if more than ten seconds
	forgot   []string
	silenced []silence.Silence
	broken   bool
	handler  http.Handler
}

// Events and Watch read the state's own history.
type history struct {
	*store.Store
	state *store.State
}

func (h history) Watch() (<-chan store.Event, func()) { return h.state.Watch() }

// Explain answers from the test's evidence.
func (s *site) Explain(cluster string, _ time.Time) (gse.Evidence, bool) {
	ev, ok := s.evidence[cluster]
	return ev, ok
}

// Interval is ten seconds for what there is evidence of.
func (s *site) Interval(cluster string) (time.Duration, bool) {
	_, ok := s.evidence[cluster]
	return max(10*time.Second, s.interval), ok
}

// Forget takes note of what is to be forgotten.
func (s *site) Forget(host, member string) int {
	s.forgot = append(s.forgot, host+"/"+member)
	return s.state.Forget(host, member)
}

func newSite(t *testing.T) *site {
	t.Helper()
	events, err := store.Open(filepath.Join(t.TempDir(), "events.db"), store.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, events.Close()) })
	logger := slog.New(slog.DiscardHandler)
	s := &site{t: t, state: store.NewState(events, logger), now: start(), evidence: map[string]gse.Evidence{}}
	s.handler, err = web.Handler(web.Options{
		State: s.state, History: history{events, s.state}, Evaluator: s, Version: "1.2.3", Title: "testing", Logger: logger,
		Now:      func() time.Time { return s.now },
		Silences: func() []silence.Silence { return s.silenced },
		Faults:   []web.Fault{{Name: "smoke", Title: "Let it smoke", Active: func() bool { return s.broken }, Toggle: func() { s.broken = !s.broken }}},
	})
	require.NoError(t, err)
	return s
}

// alarm is an alarm object as verdicts carry it.
func alarm(severity, text, host string, more ...string) string {
	return fmt.Sprintf(`{"severity":%q,"function":"avg","metric":"load","fields":{"cpu":"all"},"operator":">","value":7.25,"threshold":4,"window":60,"periods":1,"message":%q,"hostname":%q,"tags":{"dependency_name":"cpu","dependency_level":"direct"}%s}`,
		severity, text, host, strings.Join(more, ""))
}

// never is what the evaluator says of a member that has not reported.
func never(member string) string {
	return fmt.Sprintf(`{"severity":"UNKNOWN","function":"age","metric":"status","fields":{},"operator":">=","value":-1,"threshold":20,"window":20,"periods":1,"message":"No status of %s ever received","tags":{"dependency_name":%q,"dependency_level":"direct"}}`, member, member)
}

func (s *site) cluster(name string, status health.Status, alarms ...string) {
	m := &message.Message{Type: "heka.sandbox.gse_metric", Payload: `{"alarms":[` + strings.Join(alarms, ",") + `]}`}
	m.AddString("member", name)
	m.AddDouble("value", float64(status), "")
	m.AddString("cluster_name", name)
	s.state.Observe(m, s.now)
}

func (s *site) member(host, name string, status health.Status, alarms ...string) {
	m := &message.Message{Type: "heka.sandbox.afd_metric", Payload: `{"alarms":[` + strings.Join(alarms, ",") + `]}`}
	m.AddString("member", name)
	m.AddString("hostname", host)
	m.AddDouble("value", float64(status), "")
	s.state.Observe(m, s.now)
}

func (s *site) beat(host, role string) {
	m := &message.Message{Type: "heartbeat", Hostname: host}
	m.AddString("service", role)
	m.AddString("version", "1.2.3")
	s.state.Observe(m, s.now)
}

// get asks for a page and returns the status and the body.
func (s *site) get(path string) (int, string) {
	s.t.Helper()
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	return w.Code, w.Body.String()
}

func (s *site) page(path string) string {
	s.t.Helper()
	code, body := s.get(path)
	require.Equal(s.t, http.StatusOK, code, "%s: %s", path, body)
	return body
}

func (s *site) json(path string, into any) {
	s.t.Helper()
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	require.Equal(s.t, http.StatusOK, w.Code, w.Body.String())
	require.Equal(s.t, "application/json", w.Header().Get("Content-Type"))
	require.NoError(s.t, json.Unmarshal(w.Body.Bytes(), into))
}

func TestEveryPageOfAnEmptyAggregatorSaysWhatItWaitsFor(t *testing.T) {
	s := newSite(t)
	for path, want := range map[string]string{"/": "Waiting for the first verdict", "/nodes": "No collector has reported yet", "/events": "Nothing has changed yet"} {
		require.Contains(t, s.page(path), want, path)
	}
	require.Contains(t, s.page("/"), "<title>Overview · Tocsin</title>")
}

func TestHostileNamesStayText(t *testing.T) {
	const hostile = `<script>alert('x')</script>"&/../%2e`
	s := newSite(t)
	s.cluster(hostile, health.Down, alarm("DOWN", hostile, hostile, `,"log_lines":[`+quote(hostile)+`]`))
	s.member(hostile, hostile, health.Down, alarm("DOWN", hostile, hostile, `,"log_lines":[`+quote(hostile)+`]`))
	s.beat(hostile, hostile)
	s.evidence[hostile] = gse.Evidence{
		Cluster: hostile, Status: health.Down, Name: hostile, GroupBy: "member", Entry: -1, Unseen: []string{hostile}, Hints: []string{hostile},
		Groups: []gse.GroupEvidence{{Key: hostile, Status: health.Down, Facts: []gse.FactEvidence{{Host: hostile, Member: hostile, Status: health.Down, Alarms: []json.RawMessage{json.RawMessage(alarm("DOWN", hostile, hostile))}}}}},
	}
	escaped := "%3Cscript%3Ealert%28%27x%27%29%3C%2Fscript%3E%22%26%2F..%2F%252e"
	for _, path := range []string{"/", "/clusters/" + escaped, "/nodes", "/nodes/" + escaped, "/events", "/events?name=" + escaped, "/nodes?name=" + escaped} {
		body := s.page(path)
		require.NotContains(t, body, "<script>alert", path)
		require.Contains(t, body, "&lt;script&gt;alert", path)
	}
	require.Contains(t, s.page("/"), `href="/clusters/`+escaped+`"`, "the link leads back to the same name")
}

func quote(s string) string {
	b, _ := json.Marshal(s)
	return string(b)
}

func TestPagesAreBoundToThisSite(t *testing.T) {
	s := newSite(t)
	s.cluster("nova", health.Okay)
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	require.Contains(t, w.Header().Get("Content-Security-Policy"), "default-src 'self'")
	require.Equal(t, "no-store", w.Header().Get("Cache-Control"))
	for _, foreign := range []string{"http://", "https://", " style=", " onclick=", "<script>", "@import"} {
		require.NotContains(t, w.Body.String(), foreign)
	}
	for _, asset := range []string{"/assets/tocsin.css", "/assets/tocsin.js", "/assets/theme.js", "/assets/bell.svg"} {
		require.Contains(t, w.Body.String(), asset)
		body := s.page(asset)
		require.NotContains(t, strings.ReplaceAll(body, "http://www.w3.org/2000/svg", ""), "://", asset)
	}
}

func TestChangesAreNotForOtherSites(t *testing.T) {
	for name, c := range map[string]struct {
		header map[string]string
		want   int
	}{
		"a tool":               {nil, http.StatusOK},
		"the page itself":      {map[string]string{"Sec-Fetch-Site": "same-origin"}, http.StatusOK},
		"another site":         {map[string]string{"Sec-Fetch-Site": "cross-site"}, http.StatusForbidden},
		"a neighbour":          {map[string]string{"Sec-Fetch-Site": "same-site"}, http.StatusForbidden},
		"an old browser":       {map[string]string{"Origin": "http://example.com"}, http.StatusOK},
		"another's old":        {map[string]string{"Origin": "http://evil.example"}, http.StatusForbidden},
		"a page without place": {map[string]string{"Origin": "null"}, http.StatusForbidden},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			r := httptest.NewRequest(http.MethodPost, "/api/v1/faults/smoke", nil)
			r.Header.Set("Accept", "application/json")
			for k, v := range c.header {
				r.Header.Set(k, v)
			}
			w := httptest.NewRecorder()
			s.handler.ServeHTTP(w, r)
			require.Equal(t, c.want, w.Code)
			require.Equal(t, c.want == http.StatusOK, s.broken, "a refused change changes nothing")
		})
	}
	s := newSite(t)
	for _, path := range []string{"/api/v1/faults/smoke", "/api/v1/forget?host=a"} {
		code, _ := s.get(path)
		require.Equal(t, http.StatusMethodNotAllowed, code, "a GET changes nothing")
	}
	require.False(t, s.broken)
	require.Empty(t, s.forgot)
}

func TestAFaultCanBeSwitchedWithoutScripts(t *testing.T) {
	s := newSite(t)
	s.cluster("nova", health.Okay)
	require.Contains(t, s.page("/"), `aria-pressed="false" data-fault="smoke">Let it smoke`)
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/api/v1/faults/smoke", nil))
	require.Equal(t, http.StatusSeeOther, w.Code)
	require.Equal(t, "/", w.Header().Get("Location"))
	require.Contains(t, s.page("/"), `aria-pressed="true" data-fault="smoke">Stop: Let it smoke`)
	w = httptest.NewRecorder()
	s.handler.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/api/v1/faults/fire", nil))
	require.Equal(t, http.StatusNotFound, w.Code)
}

func TestWhatIsNotThereIsSaid(t *testing.T) {
	s := newSite(t)
	for path, want := range map[string]string{
		"/clusters/nova": "No such cluster", "/nodes/ctl01": "No such node", "/api/v1/clusters/nova": `no cluster \"nova\"`,
		"/api/v1/explain/nova": `no cluster \"nova\"`, "/api/v1/explain/nova?at=2026-01-01T00:00:00Z": "no event of cluster",
		"/other": "404", "/assets/none": "404",
	} {
		code, body := s.get(path)
		require.Equal(t, http.StatusNotFound, code, path)
		require.Contains(t, body, want, path)
	}
	for path, want := range map[string]string{
		"/api/v1/events?limit=0": "1 to 10000", "/api/v1/events?limit=x": "1 to 10000", "/api/v1/events?after=-1": "not an event's number",
		"/api/v1/events?since=noon": "since:", "/api/v1/explain/nova?at=noon": "not a time", "/events?until=noon": "until:",
	} {
		code, body := s.get(path)
		require.Equal(t, http.StatusBadRequest, code, path)
		require.Contains(t, body, want, path)
	}
}

func TestTheStreamTellsOfChangesAndLives(t *testing.T) {
	s := newSite(t)
	server := httptest.NewServer(s.handler)
	defer server.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+"/api/v1/stream", nil)
	require.NoError(t, err)
	answer, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer func() { _ = answer.Body.Close() }()
	require.Equal(t, "text/event-stream", answer.Header.Get("Content-Type"))
	lines := bufio.NewReader(answer.Body)
	kind, data := next(t, lines)
	require.Equal(t, "tick", kind)
	require.Equal(t, `"2026-03-01T12:00:00Z"`, data, "the server's time, for pages whose own clock is wrong")

	s.cluster("nova", health.Critical, alarm("CRITICAL", "too many", "ctl01"))
	kind, data = next(t, lines)
	require.Equal(t, "event", kind)
	var e store.Event
	require.NoError(t, json.Unmarshal([]byte(data), &e))
	require.Equal(t, "nova", e.Name)
	require.Equal(t, health.Critical, e.Status)
}

func next(t *testing.T, r *bufio.Reader) (kind, data string) {
	t.Helper()
	for {
		line, err := r.ReadString('\n')
		require.NoError(t, err)
		switch text := strings.TrimSpace(line); {
		case text == "" && data != "":
			return kind, data
		case strings.HasPrefix(text, "event: "):
			kind = strings.TrimPrefix(text, "event: ")
		case strings.HasPrefix(text, "data: "):
			data = strings.TrimPrefix(text, "data: ")
		}
	}
}

func TestForgettingNeedsAName(t *testing.T) {
	s := newSite(t)
	s.member("ctl01", "cpu", health.Down)
	for query, want := range map[string]int{"": http.StatusBadRequest, "?host=ctl01": http.StatusOK} {
		w := httptest.NewRecorder()
		s.handler.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/api/v1/forget"+query, nil))
		require.Equal(t, want, w.Code, query)
		body, err := io.ReadAll(w.Body)
		require.NoError(t, err)
		if want == http.StatusOK {
			require.JSONEq(t, `{"forgotten":1}`, string(body))
		}
	}
	require.Equal(t, []string{"ctl01/"}, s.forgot)
}
