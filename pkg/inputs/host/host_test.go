package host_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/pkg/inputs/host"
	"github.com/tocsin-lma/tocsin/pkg/message"
)

func write(t *testing.T, root string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(root, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	}
}

// measure returns the values of one round by name and first dimension.
func measure(t *testing.T, in *host.Input, at time.Time) map[string]float64 {
	t.Helper()
	got := map[string]float64{}
	require.NoError(t, in.Measure(at, func(m *message.Message) error {
		require.Equal(t, "metric", m.Type)
		require.Equal(t, at.UnixNano(), m.Timestamp)
		name, _ := m.Text("name")
		tags := m.Strings("tag_fields")
		require.Equal(t, "hostname", tags[len(tags)-1])
		if len(tags) > 1 {
			v, _ := m.Text(tags[0])
			name += " " + tags[0] + "=" + v
		}
		_, twice := got[name]
		require.False(t, twice, name)
		got[name], _ = m.Number("value")
		return nil
	}))
	return got
}

func TestMeasuresFromProc(t *testing.T) {
	root := t.TempDir()
	first := map[string]string{
		"stat":                            "cpu  1 2 3 4\ncpu0 100 0 50 1000 10 0 0 0 0 0\nctxt 1000\nprocesses 50\n",
		"meminfo":                         "MemTotal: 1000 kB\nMemAvailable: 450 kB\nMemFree: 300 kB\nBuffers: 50 kB\nCached: 200 kB\nSReclaimable: 20 kB\nSUnreclaim: 30 kB\nSwapTotal: 100 kB\nSwapFree: 40 kB\nSwapCached: 10 kB\n",
		"vmstat":                          "pswpin 0\npswpout 0\n",
		"pressure/memory":                 "some avg10=12.50 avg60=1.00 avg300=0.00 total=1\nfull avg10=3.00 avg60=0.00 avg300=0.00 total=1\n",
		"loadavg":                         "0.50 0.25 0.10 1/2 3\n",
		"uptime":                          "12345.67 1\n",
		"diskstats":                       "   8 0 sda 10 1 100 20 5 2 200 30 3 400 500\n   7 0 loop0 1 1 1 1 1 1 1 1 1 1 1\n",
		"net/dev":                         "Inter-| x\n face |y\n  eth0:1000 10 1 2 0 0 0 7 2000 20 3 4 0 5 0 0\n    lo: 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1\n",
		"net/bonding/b":                   "MII Status: up\nSlave Interface: eth0\nMII Status: up\nSlave Interface: eth1\nMII Status: down\n",
		"sys/kernel/random/entropy_avail": "256\n", "sys/fs/file-nr": "1000\t0\t4000\n",
		"42/stat":    "42 (a (b) c) S 1 1 1 0 -1 0 5 0 1 0 100 200 0 0 20 0 3 0 1 8192 2 0 100 300 0 0 0\n",
		"42/cmdline": "/usr/bin/nova-api\x00--x\x00", "42/status": "VmData: 4 kB\nVmStk: 8 kB\n",
		"43/stat": "43 (z) Z 1 1 1 0 -1 0 5 0 1 0 100 200 0 0 20 0 3 0 1 8192 2 0 100 300 0 0 0\n", "43/cmdline": "",
	}
	write(t, root, first)
	cfg := host.DefaultConfig()
	cfg.Collect = []string{"cpu", "memory", "swap", "load", "disk", "netlink", "processes", "kernel", "bond", "pressure"}
	cfg.Processes = map[string]string{"nova-api": "nova-api"}
	in, err := host.New(cfg, host.Options{Name: "host", Hostname: "node-1", Proc: root})
	require.NoError(t, err)
	at := time.Unix(1489400000, 0)
	got := measure(t, in, at)
	for name, want := range map[string]float64{
		"memory_used": 400 << 10, "memory_cached": 200 << 10, "swap_percent_used": 0.5, "memory_percent_available": 45, "memory_pressure_some": 12.5, "memory_pressure_full": 3,
		"load_per_cpu": 0.5 / float64(runtime.NumCPU()), "swap_free": 40 << 10, "load_shortterm": 0.5, "uptime": 12345.67,
		"entropy": 256, "file_descriptors_percent_used": 25, "bond_status_links_total interface=b": 2, "bond_status_links_down interface=b": 1,
		"processes_count state=sleeping": 1, "processes_count state=zombies": 1, "processes_count state=running": 0,
		"process_processes service=nova-api": 1, "process_threads service=nova-api": 3, "process_stacksize service=nova-api": 8192,
		"process_memory_code service=nova-api": 200, "disk_pending_operations device=sda": 3,
	} {
		require.Contains(t, got, name)
		require.InDelta(t, want, got[name], 1e-9, name)
	}
	require.NotContains(t, got, "cpu_idle cpu_number=0", "a rate needs two rounds")

	write(t, root, map[string]string{
		"stat":      "cpu0 150 0 60 1900 50 0 0 0 0 0\nctxt 3000\nprocesses 70\n",
		"vmstat":    "pswpin 10\npswpout 0\n",
		"diskstats": "   8 0 sda 30 1 300 120 5 2 200 30 3 1400 500\n",
		"net/dev":   "  eth0: 500 20 1 1002 0 0 0 7 4000 20 3 4 0 5 0 0\n",
	})
	got = measure(t, in, at.Add(10*time.Second))
	for name, want := range map[string]float64{
		"cpu_idle cpu_number=0": 90, "cpu_wait cpu_number=0": 4, "cpu_user cpu_number=0": 5, "contextswitch": 200, "processes_fork_rate": 2,
		"swap_io_in": float64(os.Getpagesize()), "disk_ops_read device=sda": 2, "disk_octets_read device=sda": 200 * 512 / 10.0,
		"disk_time_read device=sda": 5, "disk_time_write device=sda": 0, "disk_io_time device=sda": 100,
		"if_dropped_rx interface=eth0": 100, "if_octets_tx interface=eth0": 200, "process_cputime_user service=nova-api": 0,
	} {
		require.Contains(t, got, name)
		require.InDelta(t, want, got[name], 1e-9, name)
	}
	require.NotContains(t, got, "if_octets_rx interface=eth0", "a counter that went back has no rate")
	require.NotContains(t, got, "if_octets_tx interface=lo")
	require.NotContains(t, got, "disk_ops_read device=loop0")
}

func TestNoSwapNoSwapMetrics(t *testing.T) {
	root := t.TempDir()
	write(t, root, map[string]string{"meminfo": "MemTotal: 1 kB\nSwapTotal: 0 kB\n", "vmstat": "x 1\n"})
	cfg := host.DefaultConfig()
	cfg.Collect = []string{"swap"}
	in, err := host.New(cfg, host.Options{Proc: root})
	require.NoError(t, err)
	require.Empty(t, measure(t, in, time.Unix(1, 0)))
}

func TestThisHost(t *testing.T) {
	in, err := host.New(host.DefaultConfig(), host.Options{Name: "host", Hostname: "node-1"})
	require.NoError(t, err)
	at := time.Now()
	got := measure(t, in, at)
	for k, v := range measure(t, in, at.Add(10*time.Second)) {
		got[k] = v
	}
	for _, name := range []string{"cpu_idle cpu_number=0", "cpu_wait cpu_number=0", "memory_free", "load_longterm", "fs_space_percent_free fs=/", "fs_inodes_percent_free fs=/", "processes_count state=running"} {
		require.Contains(t, got, name)
	}
	require.Greater(t, got["fs_space_percent_free fs=/"], 0.0)
	require.LessOrEqual(t, got["fs_space_percent_free fs=/"], 100.0)
}

type stream struct {
	emitted, commits int
	committed        func()
}

func (s *stream) Emit(*message.Message) error         { s.emitted++; return nil }
func (s *stream) Commit(context.Context) (int, error) { s.commits++; s.committed(); return 0, nil }
func (s *stream) Close(context.Context) error         { return nil }

func TestRunCommitsAndEnds(t *testing.T) {
	in, err := host.New(host.DefaultConfig(), host.Options{Name: "host"})
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	s := &stream{committed: cancel}
	require.NoError(t, in.Run(ctx, func(string) (message.Stream, error) { return s, nil }))
	require.Positive(t, s.emitted)
	require.Equal(t, 1, s.commits)
}

func TestErrors(t *testing.T) {
	for want, change := range map[string]func(*host.Config){
		"interval":           func(c *host.Config) { c.Interval = time.Millisecond },
		"ignore_disks":       func(c *host.Config) { c.IgnoreDisks = "(" },
		"processes":          func(c *host.Config) { c.Processes = map[string]string{"x": "("} },
		`collect: "nothing"`: func(c *host.Config) { c.Collect = []string{"nothing"} },
	} {
		cfg := host.DefaultConfig()
		change(&cfg)
		_, err := host.New(cfg, host.Options{})
		require.ErrorContains(t, err, want)
	}
	in, err := host.New(host.DefaultConfig(), host.Options{})
	require.NoError(t, err)
	full := errors.New("full")
	require.ErrorIs(t, in.Measure(time.Now(), func(*message.Message) error { return full }), full)
}
