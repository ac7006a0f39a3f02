package e2e_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/internal/e2e"
	"github.com/tocsin-lma/tocsin/internal/testserver"
	"github.com/tocsin-lma/tocsin/pkg/selfmon"
)

// collectdConf samples every second and has a threshold that is always crossed,
// so that notifications go to the same URL.
const collectdConf = `
Hostname "lab-node"
Interval 1
BaseDir "%[1]s"
PIDFile "%[1]s/pid"
LoadPlugin logfile
<Plugin logfile>
  File "%[1]s/log"
</Plugin>
LoadPlugin cpu
LoadPlugin load
LoadPlugin memory
LoadPlugin df
<Plugin df>
  ValuesPercentage true
</Plugin>
LoadPlugin interface
LoadPlugin uptime
LoadPlugin users
LoadPlugin processes
LoadPlugin threshold
<Plugin threshold>
  <Plugin "uptime">
    <Type "uptime">
      FailureMax 1
      Persist true
      PersistOK true
    </Type>
  </Plugin>
</Plugin>
LoadPlugin write_http
<Plugin write_http>
  <Node "tocsin">
    URL "%[2]s"
    Format "JSON"
    Notifications true
    BufferSize 4096
    Timeout 5000
  </Node>
</Plugin>
`

// between is a proxy that sees what collectd posts and how it is answered.
type between struct {
	mu            sync.Mutex
	answers       map[int]int
	notifications int
}

func (b *between) serve(t *testing.T, target string) string {
	t.Helper()
	to, err := url.Parse(target)
	require.NoError(t, err)
	proxy := httputil.NewSingleHostReverseProxy(to)
	proxy.ModifyResponse = func(r *http.Response) error {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.answers[r.StatusCode]++
		return nil
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		if bytes.Contains(body, []byte(`"labels"`)) {
			b.mu.Lock()
			b.notifications++
			b.mu.Unlock()
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func (b *between) seen() (ok, other, notifications int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for code, n := range b.answers {
		if code == http.StatusOK {
			ok += n
		} else {
			other += n
		}
	}
	return ok, other, b.notifications
}

// startCollectd runs the real collectd until the returned function stops it and
// says how long that took.
func startCollectd(t *testing.T, target string) (stop func() time.Duration) {
	t.Helper()
	program, dir := testserver.URL(t, "COLLECTD"), t.TempDir()
	conf := filepath.Join(dir, "collectd.conf")
	require.NoError(t, os.WriteFile(conf, fmt.Appendf(nil, collectdConf, dir, target), 0o600))
	cmd := exec.Command(program, "-f", "-C", conf)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	require.NoError(t, cmd.Start())
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	stopped := false
	stop = func() time.Duration {
		stopped = true
		start := time.Now()
		require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
		select {
		case <-done:
		case <-time.After(20 * time.Second):
			t.Error("collectd does not end: it is stuck in a request")
			_ = cmd.Process.Kill()
			<-done
		}
		return time.Since(start)
	}
	t.Cleanup(func() {
		if !stopped {
			_ = cmd.Process.Kill()
			<-done
		}
	})
	return stop
}

// startCollector runs a metric collector with an HTTP input and one output.
func startCollector(t *testing.T, output string) (d *e2e.Daemon, input, admin string) {
	t.Helper()
	dir, number := t.TempDir(), port(t)
	admin = "127.0.0.1:" + port(t)
	model := filepath.Join(dir, "model.yml")
	require.NoError(t, os.WriteFile(model, fmt.Appendf(nil, `
metric_collector:
  input:
    heka_collectd: {engine: http, address: 127.0.0.1, port: %s, decoder: collectd, splitter: NullSplitter, accept_timeout: 200ms}
  decoder:
    collectd: {engine: sandbox, module_file: collectd.lua, memory_limit: 33554432}
  output:
    metrics: %s
`, number, output), 0o600))
	d = e2e.NewDaemon(t, filepath.Join(binaries(t), "metriccollector"), dir, "--no-defaults", "--config", model,
		"--data-dir", filepath.Join(dir, "data"), "--admin", admin)
	d.Start()
	require.Eventually(t, func() bool { return get(admin, "/readyz", nil) == http.StatusOK }, patience, 50*time.Millisecond)
	return d, "http://127.0.0.1:" + number, admin
}

func TestRealCollectd(t *testing.T) {
	testserver.URL(t, "COLLECTD")
	records := filepath.Join(t.TempDir(), "metrics.json")
	d, input, _ := startCollector(t, "{engine: file, path: "+records+", message_matcher: \"Type =~ /metric$/\"}")
	b := &between{answers: map[int]int{}}
	stop := startCollectd(t, b.serve(t, input))
	require.Eventually(t, func() bool {
		data, err := os.ReadFile(records)
		_, _, notifications := b.seen()
		if err != nil || notifications < 2 {
			return false
		}
		for _, name := range []string{"cpu_idle", "load_shortterm", "memory_used", "uptime", "logged_users", "fs_space_percent_free"} {
			if !strings.Contains(string(data), `"`+name+`"`) {
				return false
			}
		}
		return true
	}, patience, 200*time.Millisecond)
	require.Less(t, stop(), 15*time.Second)
	_, other, _ := b.seen()
	require.Zero(t, other, "every answer is 200")
	d.Stop()
	require.NotContains(t, d.Output(), "record rejected")
	data, err := os.ReadFile(records)
	require.NoError(t, err)
	require.Contains(t, string(data), "lab-node")
}

// TestRealCollectdIsNeverBlocked fills the queue of an output that cannot send:
// collectd, which waits for its answers, must not notice.
func TestRealCollectdIsNeverBlocked(t *testing.T) {
	testserver.URL(t, "COLLECTD")
	for _, action := range []string{"drop", "block"} {
		t.Run(action, func(t *testing.T) {
			nobody := "http://127.0.0.1:" + port(t)
			d, input, admin := startCollector(t, "{engine: influxdb, address: \""+nobody+"\", database: lma, message_matcher: \"Type =~ /metric$/\", "+
				"max_buffer_size: 65536, flush_interval: 100, full_action: "+action+"}")
			b := &between{answers: map[int]int{}}
			stop := startCollectd(t, b.serve(t, input))
			require.Eventually(t, func() bool { return strings.Contains(d.Output(), "queue takes nothing more") }, patience, 200*time.Millisecond, "the queue never got full")
			before, _, _ := b.seen()
			require.Eventually(t, func() bool { ok, _, _ := b.seen(); return ok >= before+5 }, patience, 200*time.Millisecond, "collectd waits")
			stage := map[string]string{"drop": "output", "block": "input"}[action]
			require.Eventually(t, func() bool { return droppedAt(t, admin, stage) > 0 }, patience, 200*time.Millisecond, "the ledger knows nothing of what was lost")
			require.Less(t, stop(), 15*time.Second)
			_, other, _ := b.seen()
			require.Zero(t, other, "every answer is 200")
		})
	}
}

// droppedAt is what the ledger, which must balance, says a stage gave up.
func droppedAt(t *testing.T, admin, stage string) (n uint64) {
	t.Helper()
	var ledger selfmon.Snapshot
	require.Equal(t, http.StatusOK, get(admin, "/api/v1/ledger", &ledger))
	require.True(t, ledger.Balanced)
	for _, e := range ledger.Entries {
		if e.Stage == stage {
			for _, dropped := range e.Dropped {
				n += dropped
			}
		}
	}
	return n
}
