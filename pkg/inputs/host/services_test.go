package host_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/alarms"
	"github.com/tocsin-lma/tocsin/pkg/afd"
	"github.com/tocsin-lma/tocsin/pkg/config"
	"github.com/tocsin-lma/tocsin/pkg/inputs/host"
	"github.com/tocsin-lma/tocsin/pkg/message"
	"github.com/tocsin-lma/tocsin/pkg/sandbox"
	"github.com/tocsin-lma/tocsin/plugins"
)

// certificate makes a PEM text that expires then.
func certificate(t *testing.T, then time.Time) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	c := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: then.AddDate(-1, 0, 0), NotAfter: then}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	require.NoError(t, err)
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

func input(t *testing.T, change func(*host.Config, *host.Options), groups ...string) *host.Input {
	t.Helper()
	cfg, opt := host.DefaultConfig(), host.Options{Name: "host", Hostname: "n"}
	cfg.Collect = groups
	change(&cfg, &opt)
	in, err := host.New(cfg, opt)
	require.NoError(t, err)
	return in
}

func TestFailedUnitsAreCountedAndNamed(t *testing.T) {
	dir := t.TempDir()
	fake := filepath.Join(dir, "systemctl")
	script := func(body string) {
		require.NoError(t, os.WriteFile(fake, []byte("#!/bin/sh\n"+body), 0o755))
	}
	in := input(t, func(_ *host.Config, o *host.Options) { o.Run, o.Systemctl = dir, fake }, "systemd")
	at := time.Unix(1.5e9, 0)
	script("exit 7")
	require.Empty(t, measure(t, in, at), "a host without systemd")
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "systemd", "system"), 0o755))
	require.Empty(t, measure(t, in, at), "what cannot be asked is not said")
	script(`[ "$*" = "list-units --failed --plain --no-legend --no-pager --full" ] || exit 1`)
	require.Equal(t, map[string]float64{"systemd_units_failed": 0}, measure(t, in, at))
	script(`for n in 1 2 3 4 5 6 7; do echo "app-$n.service   loaded failed failed The app $n"; done; echo`)
	var lines []string
	require.NoError(t, in.Measure(at, func(m *message.Message) error {
		v, _ := m.Number("value")
		require.Equal(t, 7.0, v)
		lines = m.Strings("log_lines")
		return nil
	}))
	require.Len(t, lines, 5)
	require.Equal(t, "app-1.service loaded failed failed The app 1", lines[0])
}

func TestCertificatesAreMeasured(t *testing.T) {
	dir, now := t.TempDir(), time.Unix(1.7e9, 0)
	day := 24 * time.Hour
	write(t, dir, map[string]string{
		"web/one.pem":   "a comment\n" + certificate(t, now.Add(40*day)) + certificate(t, now.Add(10*day)),
		"web/past.pem":  certificate(t, now.Add(-day)),
		"web/key.pem":   "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
		"web/bad.pem":   "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
		"web/other.txt": certificate(t, now.Add(day)),
	})
	in := input(t, func(c *host.Config, _ *host.Options) {
		c.Certificates = []string{filepath.Join(dir, "*", "*.pem"), filepath.Join(dir, "web", "one.pem"), filepath.Join(dir, "none")}
	}, "certificates")
	one := "certificate_days_left certificate=" + filepath.Join(dir, "web", "one.pem")
	got := measure(t, in, now)
	require.Len(t, got, 2, "%v", got)
	require.InDelta(t, 10, got[one], 0.01, "the first to expire of a chain counts")
	require.InDelta(t, -1, got["certificate_days_left certificate="+filepath.Join(dir, "web", "past.pem")], 0.01)
	require.InDelta(t, 9, measure(t, in, now.Add(day))[one], 0.01, "time goes on for a file that is not read again")
	write(t, dir, map[string]string{"web/one.pem": certificate(t, now.Add(90*day))})
	require.NoError(t, os.Chtimes(filepath.Join(dir, "web", "one.pem"), now, now))
	require.InDelta(t, 90, measure(t, in, now)[one], 0.01, "a new certificate is seen")
}

func TestClock(t *testing.T) {
	offset, kept, broken := -1500*time.Millisecond, true, error(nil)
	in := input(t, func(_ *host.Config, o *host.Options) {
		o.Clock = func() (time.Duration, bool, error) { return offset, kept, broken }
	}, "clock")
	require.Equal(t, map[string]float64{"time_offset_abs": 1.5}, measure(t, in, time.Unix(1, 0)))
	kept = false
	require.Empty(t, measure(t, in, time.Unix(1, 0)), "a clock that nobody keeps is not said to be right")
	kept, broken = true, errors.New("no")
	require.Empty(t, measure(t, in, time.Unix(1, 0)))
}

// fullHost is a machine that has everything that can be measured, and its names.
func fullHost(t *testing.T) map[string]bool {
	root, run := t.TempDir(), t.TempDir()
	fake := filepath.Join(run, "systemctl")
	require.NoError(t, os.WriteFile(fake, []byte("#!/bin/sh\n"), 0o755))
	write(t, run, map[string]string{"systemd/system/x": "", "a.pem": certificate(t, time.Unix(1.8e9, 0))})
	pressure := "some avg10=0.00 avg60=0.00 avg300=0.00 total=1\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=1\n"
	write(t, root, map[string]string{
		"stat":    "cpu0 100 0 50 1000 10 0 0 0 0 0\nctxt 1000\nprocesses 50\n",
		"meminfo": "MemTotal: 1000 kB\nMemAvailable: 450 kB\nSwapTotal: 100 kB\nSwapFree: 40 kB\n",
		"vmstat":  "pswpin 0\npswpout 0\noom_kill 1\n", "loadavg": "0.50 0.25 0.10 1/2 3\n", "uptime": "1 1\n",
		"pressure/memory": pressure, "pressure/io": pressure, "pressure/cpu": pressure,
		"diskstats": "   8 0 sda 10 1 100 20 5 2 200 30 3 400 500\n", "net/dev": "  eth0: 500 20 1 1002 0 0 0 7 4000 20 3 4 0 5 0 0\n",
		"net/bonding/b": "Slave Interface: eth0\nMII Status: up\n", "sys/kernel/random/entropy_avail": "256\n", "sys/fs/file-nr": "1000\t0\t4000\n",
	})
	in := input(t, func(c *host.Config, o *host.Options) {
		c.Certificates = []string{filepath.Join(run, "*.pem")}
		o.Proc, o.Run, o.Systemctl = root, run, fake
		o.Clock = func() (time.Duration, bool, error) { return 0, true, nil }
	})
	names := map[string]bool{}
	for i := range 2 {
		for name := range measure(t, in, time.Unix(1.7e9+int64(i)*10, 0)) {
			name, _, _ = strings.Cut(name, " ")
			names[name] = true
		}
	}
	return names
}

// filterMetrics are the names that a shipped filter makes of a log line.
func filterMetrics(t *testing.T, filter, line string) map[string]bool {
	source, err := plugins.FS.ReadFile("lua/filters/" + filter + ".lua")
	require.NoError(t, err)
	modules, err := fs.Sub(plugins.FS, "lua/modules")
	require.NoError(t, err)
	names := map[string]bool{}
	emit := func(m *message.Message) error {
		if name, ok := m.Text("name"); ok {
			names[name] = true
		}
		for part := range strings.SplitSeq(m.Payload, `"name":"`) {
			name, _, _ := strings.Cut(part, `"`)
			names[name] = true
		}
		return nil
	}
	p, err := sandbox.Open(sandbox.Options{
		Name: filter, Kind: sandbox.KindFilter, Script: filter + ".lua", Source: source, Shipped: modules, Hostname: "n", Config: map[string]any{"hostname": "n"},
	})
	require.NoError(t, err)
	now := time.Now()
	_, err = p.Process(&message.Message{Type: "log", Logger: "system.kern", Timestamp: now.UnixNano(), Payload: line}, emit)
	require.NoError(t, err)
	require.NoError(t, p.Timer(now.Add(10*time.Second), emit))
	require.NoError(t, p.Close(emit))
	return names
}

// Every shipped alarm of a node has a source without collectd: of each alarm
// there is a trigger all of whose metrics come from this input or from a filter
// of the log collector. What else its triggers read, collectd sends.
func TestEveryNodeAlarmHasItsMetrics(t *testing.T) {
	made := fullHost(t)
	made["fs_space_percent_free"], made["fs_inodes_percent_free"] = true, true // of mounts, which cannot be made up: TestThisHost
	for filter, line := range map[string]string{"out_of_memory": "Out of memory: Kill process 1", "hdd_errors_counter": "blk_update_request: I/O error, dev sda, sector 1"} {
		for name := range filterMetrics(t, filter, line) {
			made[name] = true
		}
	}
	text, err := alarms.FS.ReadFile("linux.yml")
	require.NoError(t, err)
	n, err := config.Load(config.Source{Name: "linux.yml", Data: text})
	require.NoError(t, err)
	defs, _, err := afd.Load(n.Get("metric_collector"))
	require.NoError(t, err)
	require.Greater(t, len(defs), 20)
	others := map[string]bool{}
	for _, d := range defs {
		served := false
		for _, trigger := range d.Triggers {
			all := true
			for _, r := range trigger.Rules {
				if !made[r.Metric] {
					all = false
					others[r.Metric] = true
				}
			}
			served = served || all
		}
		require.True(t, served, "nothing that is shipped makes the metrics of alarm %s", d.Name)
	}
	require.Equal(t, "map[ntp_time_offset_loop:true]", fmt.Sprint(others), "only collectd asks ntpd")
}
