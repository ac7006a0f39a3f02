package check_test

import (
	"context"
	"encoding/pem"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/tocsin-lma/tocsin/pkg/inputs/check"
	"github.com/tocsin-lma/tocsin/pkg/message"
)

type sink struct {
	mu        sync.Mutex
	got       []*message.Message
	committed int
}

func (s *sink) Emit(m *message.Message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.got = append(s.got, m.Clone())
	return nil
}

func (s *sink) Commit(context.Context) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.committed = len(s.got)
	return 0, nil
}
func (s *sink) Close(context.Context) error { return nil }

func TestChecks(t *testing.T) {
	defer goleak.VerifyNone(t)
	release := make(chan struct{})
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/bad":
			w.WriteHeader(500)
		case "/slow":
			<-release
		}
		_, _ = w.Write([]byte("all is " + r.Header.Get("X-Word")))
	}))
	defer web.Close()
	defer close(release)
	secure := httptest.NewTLSServer(http.NotFoundHandler())
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	defer secure.Close()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, closed.Close())
	proc := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(proc, "7"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(proc, "7", "cmdline"), []byte("/usr/sbin/named\x00-f\x00"), 0o600))
	pemText := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secure.Certificate().Raw})
	require.NoError(t, os.WriteFile(filepath.Join(proc, "a.pem"), pemText, 0o600))
	require.NoError(t, unix.Mkfifo(filepath.Join(proc, "pipe"), 0o600))
	cfg := check.DefaultConfig()
	cfg.Checks = map[string]check.Check{
		"web":        {URL: web.URL, Body: "all is well", Headers: map[string]string{"X-Word": "well"}, Tags: map[string]string{"service": "web"}},
		"web_body":   {URL: web.URL, Body: "all is well"},
		"web_500":    {URL: web.URL + "/bad"},
		"web_any":    {URL: web.URL + "/bad", Statuses: []int{500}},
		"web_slow":   {URL: web.URL + "/slow", Timeout: 50 * time.Millisecond},
		"open":       {Address: web.Listener.Addr().String(), Remote: true},
		"shut":       {Address: closed.Addr().String()},
		"true_check": {Command: []string{"true"}},
		"false":      {Command: []string{"sh", "-c", "echo broken; exit 2"}},
		"hang":       {Command: []string{"sh", "-c", "sleep 60 & wait"}, Timeout: 100 * time.Millisecond},
		"named":      {Process: "named -f$"},
		"none":       {Process: "^no such thing"},
		"tls":        {Certificate: secure.Listener.Addr().String(), Tags: map[string]string{"service": "web"}},
		"file":       {Certificate: filepath.Join(proc, "*.pem")},
		"no_file":    {Certificate: filepath.Join(proc, "none.pem")},
		"no_pem":     {Certificate: filepath.Join(proc, "7", "cmdline")},
		"pipe":       {Certificate: filepath.Join(proc, "pipe")},
		"no_tls":     {Certificate: web.Listener.Addr().String()},
	}
	const certificates = 2 // which give another value
	in, err := check.New(cfg, check.Options{Name: "checks", Hostname: "node-1", Proc: proc})
	require.NoError(t, err)
	s := &sink{}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- in.Run(ctx, func(string) (message.Stream, error) { return s, nil }) }()
	require.Eventually(t, func() bool { s.mu.Lock(); defer s.mu.Unlock(); return s.committed == len(cfg.Checks)+certificates }, time.Minute, time.Millisecond)
	cancel()
	require.NoError(t, <-done)
	details := map[string]string{
		"web_body_check": "does not match", "web_500_check": "500", "web_slow_check": "no answer within 50ms", "shut_check": "refused",
		"false_check": "exit status 2: broken", "hang_check": "no answer within 100ms", "none_check": "no process matches",
		"no_file_check": "no such file", "no_pem_check": "no certificate is in it", "pipe_check": "is no file of at most", "no_tls_check": "tls",
	}
	days := map[string]float64{}
	for _, m := range s.got {
		name, _ := m.Text("name")
		value, _ := m.Number("value")
		if which, ok := m.Text("certificate"); ok {
			require.Equal(t, "certificate_days_left", name)
			require.Equal(t, "certificate", m.Strings("tag_fields")[0])
			days[which] = value
			continue
		}
		text, bad := m.Text("details")
		require.Equal(t, bad, value == 0, name)
		require.Contains(t, text, details[name], name)
		line, _ := m.Text("log_lines")
		require.Equal(t, text, line, "an alarm on it shows why")
		require.Equal(t, details[name] != "", bad, name)
		require.Equal(t, "metric", m.Type)
		switch name {
		case "web_check":
			require.Equal(t, []string{"service", "hostname"}, m.Strings("tag_fields"))
		case "open_check":
			require.Nil(t, m.Field("hostname"))
			require.Nil(t, m.Field("tag_fields"))
		}
	}
	want := time.Until(secure.Certificate().NotAfter).Hours() / 24
	require.Len(t, days, certificates)
	require.InDelta(t, want, days["tls"], 0.1)
	require.InDelta(t, want, days["file"], 0.1)
}

func TestConfigErrors(t *testing.T) {
	for want, c := range map[string]check.Check{
		"exactly one": {URL: "http://x", Address: "y"}, "exactly one of": {}, "read body": {URL: "http://x", Body: "("}, "missing closing": {Process: "("},
	} {
		_, err := check.New(check.Config{Checks: map[string]check.Check{"c": c}}, check.Options{})
		require.ErrorContains(t, err, want)
	}
	_, err := check.New(check.Config{Interval: time.Millisecond}, check.Options{})
	require.ErrorContains(t, err, "interval")
}
