package http_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	httpinput "github.com/tocsin-lma/tocsin/pkg/inputs/http"
	"github.com/tocsin-lma/tocsin/pkg/message"
	"github.com/tocsin-lma/tocsin/pkg/selfmon"
)

// sink remembers messages; while it is stuck Emit does not return.
type sink struct {
	mu      sync.Mutex
	got     []*message.Message
	commits int
	stuck   chan struct{}
	broken  error // of Commit
	ledger  *selfmon.Ledger
}

func newSink() *sink { return &sink{ledger: selfmon.NewLedger()} }

// entry is the account of the input, which balances at any time.
func (s *sink) entry(t *testing.T) selfmon.Entry {
	t.Helper()
	all := s.ledger.Snapshot()
	require.True(t, all.Balanced)
	require.Len(t, all.Entries, 1)
	return all.Entries[0]
}

func (s *sink) Emit(m *message.Message) error {
	if s.stuck != nil {
		<-s.stuck
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.got = append(s.got, m.Clone())
	s.commits = 0
	return nil
}

func (s *sink) Commit(context.Context) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.commits++
	return 0, s.broken
}
func (s *sink) Close(context.Context) error { return nil }

func start(t *testing.T, cfg httpinput.Config, s *sink) (url string, in *httpinput.Input) {
	t.Helper()
	t.Cleanup(func() { goleak.VerifyNone(t) })
	cfg.Address, cfg.Port = "127.0.0.1:0", 0
	in, err := httpinput.New(cfg, httpinput.Options{Name: "collectd", Hostname: "node-1", PID: 7, Account: s.ledger.Account("input", "collectd")})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- in.Run(ctx, func(string) (message.Stream, error) { return s, nil }) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-done)
		http.DefaultClient.CloseIdleConnections()
	})
	require.Eventually(t, func() bool { return in.Addr() != nil }, time.Minute, time.Millisecond)
	return "http://" + in.Addr().String(), in
}

func post(t *testing.T, url, body string, edit func(*http.Request)) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	require.NoError(t, err)
	if edit != nil {
		edit(r)
	}
	answer, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	return answer.StatusCode, string(text)
}

func TestRequestBecomesMessage(t *testing.T) {
	s := newSink()
	cfg := httpinput.DefaultConfig()
	cfg.RequestHeaders = []string{"X-Trace"}
	url, in := start(t, cfg, s)
	code, _ := post(t, url+"/put?q=1&q=2&a=b", `[{"plugin":"x"}]`, func(r *http.Request) {
		r.Header.Set("X-Trace", "t1")
		r.Header.Set("Content-Type", "application/json")
	})
	require.Equal(t, 200, code)
	require.Len(t, s.got, 1)
	require.Equal(t, 1, s.commits, "committed before the answer")
	m := s.got[0]
	require.Equal(t, "heka.httpdata.request", m.Type)
	require.Equal(t, `[{"plugin":"x"}]`, m.Payload)
	require.Equal(t, "node-1", m.Hostname)
	require.Equal(t, "1", m.EnvVersion)
	require.EqualValues(t, 6, m.Severity())
	require.EqualValues(t, 7, m.PID())
	require.False(t, m.UUID.IsZero())
	for name, want := range map[string]string{"Protocol": "HTTP/1.1", "ContentType": "application/json", "Path": "/put", "X-Trace": "t1", "a": "b"} {
		got, _ := m.Text(name)
		require.Equal(t, want, got, name)
	}
	require.Equal(t, []string{"1", "2"}, m.Strings("q"))
	require.EqualValues(t, 1, in.Stats().Accepted)
}

func TestRefusals(t *testing.T) {
	s := newSink()
	cfg := httpinput.DefaultConfig()
	cfg.Format, cfg.MaxBodySize, cfg.AuthType, cfg.Username, cfg.Password = "json", 20, "Basic", "u", "p"
	url, in := start(t, cfg, s)
	auth := func(r *http.Request) { r.SetBasicAuth("u", "p") }
	code, _ := post(t, url, "{}", nil)
	require.Equal(t, 401, code)
	code, _ = post(t, url, "{}", func(r *http.Request) { r.SetBasicAuth("u", "wrong") })
	require.Equal(t, 401, code)
	code, text := post(t, url, "{half", auth)
	require.Equal(t, 400, code)
	require.Contains(t, text, "5 bytes")
	code, text = post(t, url, strings.Repeat("1", 21), auth)
	require.Equal(t, 413, code)
	require.Contains(t, text, "21 bytes")
	require.Empty(t, s.got)
	code, _ = post(t, url, "{}", auth)
	require.Equal(t, 200, code)
	require.Equal(t, httpinput.Stats{Accepted: 1, TooLong: 1, Malformed: 1, Unauthorized: 2}, in.Stats())
}

func TestAPIKey(t *testing.T) {
	s := newSink()
	cfg := httpinput.DefaultConfig()
	cfg.AuthType, cfg.APIKey = "API", "secret"
	url, _ := start(t, cfg, s)
	code, _ := post(t, url, "x", nil)
	require.Equal(t, 401, code)
	code, _ = post(t, url, "x", func(r *http.Request) { r.Header.Set("X-API-KEY", "secret") })
	require.Equal(t, 200, code)
}

func TestFullPipelineNeverKeepsCollectdWaiting(t *testing.T) {
	for when, want := range map[string]int{"drop": 200, "refuse": 503} {
		t.Run(when, func(t *testing.T) {
			s := newSink()
			s.stuck = make(chan struct{})
			cfg := httpinput.DefaultConfig()
			cfg.WhenFull, cfg.AcceptTimeout = when, 20*time.Millisecond
			url, in := start(t, cfg, s)
			release := sync.OnceFunc(func() { close(s.stuck) })
			defer release()
			for range 70 { // the queue has room for 64
				code, _ := post(t, url, "x", nil)
				require.Equal(t, want, code)
			}
			if when == "drop" {
				require.Positive(t, in.Stats().Dropped)
				require.EqualValues(t, 70, in.Stats().Dropped+in.Stats().Accepted)
				e := s.entry(t)
				require.EqualValues(t, 70, e.Accepted, "the ledger holds every request that was answered 200")
				require.Equal(t, in.Stats().Dropped, e.Dropped["full"])
				require.Equal(t, in.Stats().Accepted, e.Queued)
			} else {
				require.Zero(t, s.entry(t).Accepted, "whoever was answered 503 sends again")
			}
			release()
			code, _ := post(t, url, "x", nil)
			require.Equal(t, 200, code)
			e := s.entry(t)
			require.EqualValues(t, len(s.got), e.Delivered)
			require.Zero(t, e.Queued)
		})
	}
}

// What was answered 200 and is lost all the same is in the ledger.
func TestFailureAfterTheAnswerIsBooked(t *testing.T) {
	ledger := selfmon.NewLedger()
	s := &sink{stuck: make(chan struct{}), broken: errors.New("no space"), ledger: ledger}
	cfg := httpinput.DefaultConfig()
	cfg.Address, cfg.AcceptTimeout = "127.0.0.1:0", 20*time.Millisecond
	in, err := httpinput.New(cfg, httpinput.Options{Name: "collectd", Account: ledger.Account("input", "collectd")})
	require.NoError(t, err)
	done := make(chan error, 1)
	go func() { done <- in.Run(t.Context(), func(string) (message.Stream, error) { return s, nil }) }()
	require.Eventually(t, func() bool { return in.Addr() != nil }, 5*time.Second, time.Millisecond)
	for range 3 {
		code, _ := post(t, "http://"+in.Addr().String(), "x", nil)
		require.Equal(t, 200, code)
	}
	require.EqualValues(t, 3, s.entry(t).Queued)
	close(s.stuck)
	require.ErrorIs(t, <-done, s.broken)
	e := s.entry(t)
	require.EqualValues(t, 3, e.Accepted)
	require.EqualValues(t, 3, e.Dropped["failed"])
	http.DefaultClient.CloseIdleConnections()
}

func TestBindErrorNamesTheSetting(t *testing.T) {
	s := newSink()
	_, in := start(t, httpinput.DefaultConfig(), s)
	cfg := httpinput.DefaultConfig()
	cfg.Address = in.Addr().String()
	second, err := httpinput.New(cfg, httpinput.Options{Name: "other"})
	require.NoError(t, err)
	err = second.Run(t.Context(), func(string) (message.Stream, error) { return s, nil })
	require.ErrorContains(t, err, "change address or port")
	require.ErrorContains(t, err, "other")
}

func TestConfigErrors(t *testing.T) {
	yes := true
	for want, change := range map[string]func(*httpinput.Config){
		"auth_type":  func(c *httpinput.Config) { c.AuthType = "Digest" },
		"username":   func(c *httpinput.Config) { c.AuthType = "Basic" },
		"api_key":    func(c *httpinput.Config) { c.AuthType = "API" },
		"format":     func(c *httpinput.Config) { c.Format = "xml" },
		"when_full":  func(c *httpinput.Config) { c.WhenFull = "wait" },
		"port 70000": func(c *httpinput.Config) { c.Port = 70000 },
		"tls":        func(c *httpinput.Config) { c.UseTLS = &yes },
	} {
		cfg := httpinput.DefaultConfig()
		change(&cfg)
		_, err := httpinput.New(cfg, httpinput.Options{})
		require.ErrorContains(t, err, want)
	}
}
