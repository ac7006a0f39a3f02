package crash_test

import (
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/internal/crash"
)

// firstModel sends log lines that are points to the second daemon, which stores
// them.
const firstModel = `
log_collector:
  input:
    app:
      engine: logstreamer
      log_directory: "{logs}"
      file_match: 'app\.log\.?(?P<Index>\d+)?'
      differentiator: [app]
      priority: [^Index]
      rescan_interval: 200ms
      check_data_interval: 20ms
  output:
    next:
      engine: tcp
      address: "{next}"
      ack: true
      message_matcher: "Type == 'logfile'"
      full_action: block
      flush_interval: 20ms
      send_timeout: 2s
      retries: {delay: 10ms, max_delay: 100ms}
`

const secondModel = `
metric_collector:
  input:
    previous:
      engine: tcp
      address: "{next}"
  encoder:
    raw: {engine: payload, append_newlines: false}
  output:
    influxdb:
      engine: influxdb
      encoder: raw
      address: "http://{sink}"
      database: crash
      message_matcher: "Type == 'logfile'"
      full_action: block
      flush_interval: 20ms
      send_timeout: 2s
      retries: {delay: 10ms, max_delay: 100ms}
`

// TestChain kills both of two daemons that hand records on with acknowledgements.
func TestChain(t *testing.T) {
	dir := t.TempDir()
	sink, err := crash.NewSink("127.0.0.1")
	require.NoError(t, err)
	defer sink.Close()
	feed, err := crash.NewFeed(filepath.Join(dir, "logs"), "app.log", point)
	require.NoError(t, err)
	defer feed.Close()
	second := filepath.Join(dir, "metriccollector")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", second, "../../cmd/metriccollector").CombinedOutput()
	require.NoError(t, err, "%s", out)
	fill := strings.NewReplacer("{logs}", filepath.Join(dir, "logs"), "{next}", freeAddress(t), "{sink}", sink.Address())
	start := func(binary, name, model string) *crash.Process {
		config := filepath.Join(dir, name+".yml")
		require.NoError(t, os.WriteFile(config, []byte(fill.Replace(model)), 0o600))
		p := &crash.Process{
			Command: []string{binary, "--no-defaults", "--config", config, "--data-dir", filepath.Join(dir, name), "--admin", freeAddress(t)},
			Output:  filepath.Join(dir, name+".txt"),
		}
		require.NoError(t, p.Start())
		t.Cleanup(p.Kill)
		return p
	}
	daemons := []*crash.Process{start(second, "second", secondModel), start(collectorBinary(t), "first", firstModel)}

	rnd := rand.New(rand.NewPCG(*seed, 3))
	t.Logf("seed %d", *seed)
	fed := make(chan error, 1)
	go func() { fed <- feed.Write(t.Context(), *rounds*2000, time.Duration(*rounds)*500*time.Millisecond) }()
	kills := 0
	for done := false; !done; {
		select {
		case err := <-fed:
			require.NoError(t, err)
			done = true
		case <-time.After(time.Duration(rnd.IntN(600)) * time.Millisecond):
			if rnd.IntN(5) == 0 {
				feed.Rotate()
			}
			require.NoError(t, daemons[rnd.IntN(2)].KillAndStart())
			kills++
		}
	}
	for deadline := time.Now().Add(*patience); sink.Missing(feed.Written()) > 0 && time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		for _, d := range daemons {
			require.NoError(t, d.Revive())
		}
	}
	c := sink.Count()
	t.Logf("%d records, %d kills, %d sent again", feed.Written(), kills, c.Repeated)
	require.Zero(t, sink.Missing(feed.Written()), "lost; the first says: %s\nthe second: %s", output(daemons[1]), output(daemons[0]))
	require.Zero(t, c.Doubled)
}
