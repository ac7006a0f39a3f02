package e2e_test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/internal/e2e"
)

// stores is where logs and metrics arrive.
type stores struct {
	elasticsearch, influxdb, database string
	documents                         func(t *testing.T) []document
	samples                           func(t *testing.T) []float64 // values of logged_users of lab-node
	hostPoints                        func(t *testing.T) int       // points of cpu_idle
}

// document is what a test wants to know of a log document.
type document struct {
	ID     string
	URL    string
	Status float64
	Index  string
}

// TestDaemons is the whole flow against servers that the test itself is.
func TestDaemons(t *testing.T) {
	t.Parallel()
	flow(t, newFakes(t).stores())
}

// flow runs the three daemons, kills each of them in between, and reads back what
// arrived.
func flow(t *testing.T, s stores) {
	l := newLab(t, s.elasticsearch, s.influxdb, s.database)
	l.start(l.aggr)
	l.start(l.metrics)
	l.start(l.logs)
	sent := 0
	traffic := func(rounds int) {
		for range rounds {
			l.write(50, 200)
			l.sample(sent)
			sent++
		}
	}
	traffic(10)
	l.eventually("the first documents", func() bool { return len(s.documents(t)) > 0 })
	l.eventually("the host's metrics", func() bool { return s.hostPoints(t) > 0 })

	traffic(5)
	l.logs.Kill() // in the middle of work
	traffic(5)
	l.start(l.logs)
	traffic(5)
	l.metrics.Kill()
	l.start(l.metrics)
	traffic(5)
	l.aggr.Kill()
	traffic(5)
	l.start(l.aggr)

	l.eventually("all documents", func() bool { return len(s.documents(t)) >= l.lines })
	l.eventually("all samples", func() bool { return len(s.samples(t)) >= sent })
	requireEachOnce(t, l.lines, s.documents(t))
	values := s.samples(t)
	require.Len(t, values, sent, "no sample is lost, none is there twice")
	for i, v := range values {
		require.InDelta(t, float64(i), v, 0)
	}
	requireHealth(l)
	reload(l)
	l.write(20, 200)
	l.eventually("documents after a reload", func() bool { return len(s.documents(t)) >= l.lines })
	requireEachOnce(t, l.lines, s.documents(t))
	for _, d := range []*e2e.Daemon{l.logs, l.metrics, l.aggr} {
		d.Stop()
	}
	require.Empty(t, l.events.malformed(), "an agent would stop listening")
}

// requireEachOnce checks that every line is one document, with its fields.
func requireEachOnce(t *testing.T, lines int, docs []document) {
	t.Helper()
	byURL := map[string]string{}
	for _, d := range docs {
		other, twice := byURL[d.URL]
		require.False(t, twice, "%s is there as %s and as %s", d.URL, other, d.ID)
		byURL[d.URL] = d.ID
		require.Contains(t, []float64{200, 500}, d.Status, d.URL)
		require.True(t, strings.HasPrefix(d.Index, "log-"), "index %s", d.Index)
	}
	require.Len(t, byURL, lines)
	for i := 1; i <= lines; i++ {
		require.Contains(t, byURL, fmt.Sprintf("/item/%d", i))
	}
}

// requireHealth breaks the site and waits until everybody knows.
func requireHealth(l *lab) {
	l.t.Helper()
	l.eventually("the site is healthy", func() bool {
		l.write(1, 200)
		return strings.HasPrefix(l.clusterStatus("site"), "OKAY")
	})
	l.eventually("the site is critical", func() bool {
		l.write(5, 500)
		return l.clusterStatus("site") == "CRITICAL"
	})
	l.eventually("Sensu hears of it", func() bool {
		e, ok := l.events.event("site")
		return ok && e.Status == 2 && e.Source == "00-top-clusters"
	})
	e, _ := l.events.event("site")
	require.Contains(l.t, e.Output, "server errors", "an event has its reason")
}

// reload sends an invalid model, which is refused, then a valid one, which shows.
func reload(l *lab) {
	l.t.Helper()
	good, err := os.ReadFile(l.site)
	require.NoError(l.t, err)
	bad := e2e.Replace(l.t, string(good), "engine: elasticsearch", "engine: elasticserch")
	require.NoError(l.t, os.WriteFile(l.site, []byte(bad), 0o600))
	l.logs.Signal(syscall.SIGHUP)
	l.eventually("the invalid model is refused", func() bool {
		out := l.logs.Output()
		return strings.Contains(out, "is refused") && strings.Contains(out, `did you mean \"elasticsearch\"`) && strings.Contains(out, "site.yml:")
	})
	require.Equal(l.t, "lab", l.environment(), "the old model runs on")

	valid := e2e.Replace(l.t, string(good), "environment_label: lab", "environment_label: lab2")
	require.NoError(l.t, os.WriteFile(l.site, []byte(valid), 0o600))
	l.logs.Signal(syscall.SIGHUP)
	l.eventually("the valid model runs", func() bool { return l.environment() == "lab2" })
}

// environment is the label that the running log collector has.
func (l *lab) environment() string {
	var model struct {
		Global struct {
			Environment string `json:"environment_label"`
		} `json:"global"`
	}
	get(l.admin["logcollector"], "/api/v1/config", &model)
	return model.Global.Environment
}

// TestRefusals starts daemons that must not start.
func TestRefusals(t *testing.T) {
	t.Parallel()
	bin, dir := binaries(t), t.TempDir()
	empty := filepath.Join(dir, "empty.yml")
	require.NoError(t, os.WriteFile(empty, []byte("log_collector:\n  input: {}\n"), 0o600))
	collector := func(args ...string) *e2e.Daemon {
		return e2e.NewDaemon(t, filepath.Join(bin, "logcollector"), dir, append([]string{"--no-defaults"}, args...)...)
	}

	t.Run("folder in use", func(t *testing.T) {
		admin := "127.0.0.1:" + port(t)
		first := e2e.NewDaemon(t, filepath.Join(bin, "logcollector"), t.TempDir(), "--no-defaults", "--config", empty, "--data-dir", filepath.Join(dir, "a"), "--admin", admin)
		first.Start()
		require.Eventually(t, func() bool { return get(admin, "/readyz", nil) == 200 }, patience, 50e6)
		code, out := collector("--config", empty, "--data-dir", filepath.Join(dir, "a"), "--admin", "none").Fails()
		require.Equal(t, 78, code, out)
		require.Contains(t, out, "in use by another process")
		require.Contains(t, out, "--data-dir")
	})
	t.Run("folder is a file", func(t *testing.T) {
		code, out := collector("--config", empty, "--data-dir", filepath.Join(empty, "below"), "--admin", "none").Fails()
		require.Equal(t, 78, code, out)
		require.Contains(t, out, "--data-dir")
	})
	t.Run("ports in use", func(t *testing.T) {
		taken, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		defer taken.Close()
		address := taken.Addr().String()
		_, number, _ := strings.Cut(address, ":")
		code, out := collector("--config", empty, "--data-dir", filepath.Join(dir, "b"), "--admin", address).Fails()
		require.Equal(t, 78, code, out)
		require.Contains(t, out, "--admin")

		for engine, setting := range map[string]string{"tcp": "port", "http": "port"} {
			model := filepath.Join(dir, engine+".yml")
			require.NoError(t, os.WriteFile(model, fmt.Appendf(nil, "log_collector:\n  input:\n    busy: {engine: %s, address: 127.0.0.1, port: %s}\n", engine, number), 0o600))
			code, out = collector("--config", model, "--data-dir", filepath.Join(dir, engine), "--admin", "none").Fails()
			require.Equal(t, 78, code, "%s: %s", engine, out)
			require.Contains(t, out, "busy", engine)
			require.Contains(t, out, setting, engine)
			require.Contains(t, out, address, engine)
		}
	})
}
