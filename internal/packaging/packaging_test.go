// Package packaging_test builds the package for Debian, has systemd look at its
// units, and runs the daemons as the units say.
package packaging_test

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/internal/testserver"
)

const (
	version  = "9.8.7"
	patience = time.Minute
)

// program returns the path of a program that must be there.
func program(t *testing.T, name, from string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	require.NoError(t, err, "%s is in Debian's package %s", name, from)
	return path
}

func run(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s %s: %s", name, strings.Join(args, " "), out)
	return string(out)
}

// build builds the package into dir and returns its path.
func build(t *testing.T, dir string) string {
	t.Helper()
	run(t, filepath.Join("..", ".."), filepath.Join("packaging", "build-deb"), version, dir)
	found, err := filepath.Glob(filepath.Join(dir, "tocsin_"+version+"_*.deb"))
	require.NoError(t, err)
	require.Len(t, found, 1)
	return found[0]
}

// TestRealPackage builds the package, unpacks it, has its units verified,
// and starts each unit's daemon.
func TestRealPackage(t *testing.T) {
	if os.Getenv(testserver.Require) != "1" {
		t.Skip("it builds the package; scripts/test-real runs it")
	}
	program(t, "dpkg-deb", "dpkg")
	analyze := program(t, "systemd-analyze", "systemd")
	deb, root := build(t, t.TempDir()), t.TempDir()
	run(t, "", "dpkg-deb", "--extract", deb, root)

	listed := run(t, "", "dpkg-deb", "--contents", deb)
	for line := range strings.Lines(listed) {
		require.Contains(t, line, " root/root ", "everything belongs to root")
		require.NotContains(t, strings.Fields(line)[0][8:], "w", "nobody else may write: %s", line)
	}
	control := run(t, "", "dpkg-deb", "--field", deb)
	require.Contains(t, control, "Version: "+version+"\n")
	require.NotContains(t, control, "@VERSION@")
	require.NotContains(t, control, "@ARCH@")
	require.NotContains(t, control, "@SIZE@")
	require.Contains(t, run(t, "", filepath.Join(root, "usr", "bin", "tocsin"), "version"), version)

	units, err := filepath.Glob(filepath.Join(root, "usr", "lib", "systemd", "system", "*.service"))
	require.NoError(t, err)
	require.Len(t, units, 4)
	for _, path := range units {
		name := filepath.Base(path)
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(path)
			require.NoError(t, err)
			unpacked := filepath.Join(t.TempDir(), name)
			text = []byte(strings.ReplaceAll(string(text), "ExecStart=/", "ExecStart="+root+"/"))
			require.NoError(t, os.WriteFile(unpacked, text, 0o644))
			require.Empty(t, run(t, "", analyze, "verify", "--man=no", "--generators=no", unpacked))
			// 0 is locked in, 100 is not confined at all.
			run(t, "", analyze, "security", "--no-pager", "--offline=yes", "--threshold=25", unpacked)
			runUnit(t, root, path)
		})
	}
}

// settings reads the keys of a unit; one that occurs twice keeps all its values.
func settings(t *testing.T, path string) map[string][]string {
	t.Helper()
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	all := map[string][]string{}
	for s := bufio.NewScanner(f); s.Scan(); {
		if key, value, ok := strings.Cut(s.Text(), "="); ok && !strings.HasPrefix(key, "#") {
			all[key] = append(all[key], value)
		}
	}
	return all
}

// manager plays the part of systemd: it hears what a daemon tells about itself.
type manager struct {
	t     *testing.T
	heard chan string
	path  string
}

func newManager(t *testing.T) *manager {
	t.Helper()
	dir, err := os.MkdirTemp("", "notify") // a socket's path has to be short
	require.NoError(t, err)
	m := &manager{t: t, heard: make(chan string, 1000), path: filepath.Join(dir, "socket")}
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: m.path, Net: "unixgram"})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close()); require.NoError(t, os.RemoveAll(dir)) })
	go func() {
		defer close(m.heard)
		for b := make([]byte, 4096); ; {
			n, err := conn.Read(b)
			if err != nil {
				return
			}
			for line := range strings.Lines(string(b[:n])) {
				m.heard <- strings.TrimSpace(line)
			}
		}
	}()
	return m
}

// hear waits for a state.
func (m *manager) hear(want string) {
	m.t.Helper()
	var heard []string
	for end := time.After(patience); ; {
		select {
		case state := <-m.heard:
			if heard = append(heard, state); strings.HasPrefix(state, want) {
				return
			}
		case <-end:
			require.FailNow(m.t, "the daemon does not say "+want, "it said %q", heard)
		}
	}
}

// local gives the listeners of the shipped models ports of their own.
func local(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ports.yml")
	model := fmt.Sprintf("metric_collector:\n  input: {heka_collectd: {port: %d}, heka_metric: {port: %d}}\n"+
		"remote_collector:\n  input: {heka_collectd: {port: %d}}\n"+
		"aggregator:\n  input: {heka_metric: {port: %d}}\n", testserver.Port(t), testserver.Port(t), testserver.Port(t), testserver.Port(t))
	require.NoError(t, os.WriteFile(path, []byte(model), 0o600))
	return path
}

// runUnit runs the command line of a unit from its first word to its end.
func runUnit(t *testing.T, root, path string) {
	unit := settings(t, path)
	require.Equal(t, []string{"notify"}, unit["Type"])
	require.Len(t, unit["ExecStart"], 1)
	state := t.TempDir()
	words := strings.Fields(strings.ReplaceAll(unit["ExecStart"][0], "%S", state))
	require.True(t, slices.Contains(words, filepath.Join(state, unit["StateDirectory"][0])), "it writes to its state folder")
	words = append(words, "--config", local(t), "--admin", fmt.Sprintf("127.0.0.1:%d", testserver.Port(t)))

	m := newManager(t)
	log, err := os.Create(filepath.Join(state, "log"))
	require.NoError(t, err)
	defer log.Close()
	cmd := exec.Command(filepath.Join(root, words[0]), words[1:]...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	cmd.Env = append(os.Environ(), "NOTIFY_SOCKET="+m.path, "WATCHDOG_USEC=400000")
	require.NoError(t, cmd.Start())
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		if text, err := os.ReadFile(log.Name()); err == nil && t.Failed() {
			t.Logf("%s", text)
		}
	})
	m.hear("READY=1")
	m.hear("WATCHDOG=1")
	require.Equal(t, []string{"/bin/kill -HUP $MAINPID"}, unit["ExecReload"])
	require.NoError(t, cmd.Process.Signal(syscall.SIGHUP))
	m.hear("WATCHDOG=1")
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	m.hear("STOPPING=1")
	select {
	case err := <-done:
		require.NoError(t, err)
	case <-time.After(patience):
		require.Fail(t, "the daemon does not stop")
	}
}
