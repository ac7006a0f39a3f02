// Package e2e tests the daemons as their users run them: the built binaries, with
// the model of docs/three-daemons.md, against servers of the test or real ones.
//
// Invariant: the model tested is the one documented; only ports, folders and
// addresses of servers are put in.
package e2e

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Model returns the YAML of a document's first yaml block.
func Model(document string) (string, error) {
	data, err := os.ReadFile(document)
	if err != nil {
		return "", fmt.Errorf("read document: %w", err)
	}
	_, rest, found := strings.Cut(string(data), "```yaml\n")
	model, _, closed := strings.Cut(rest, "```\n")
	if !found || !closed {
		return "", fmt.Errorf("%s has no yaml block", document)
	}
	return model, nil
}

// Replace puts in what differs here. It fails when something to replace is not
// there, so that the document cannot drift away from the test.
func Replace(t testing.TB, text string, pairs ...string) string {
	t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(text, pairs[i]) {
			t.Fatalf("the model has no %q", pairs[i])
		}
		text = strings.ReplaceAll(text, pairs[i], pairs[i+1])
	}
	return text
}

// Daemon is one daemon's process, which may be started again.
type Daemon struct {
	Binary string
	Args   []string
	Log    string // file that takes what it prints

	t    testing.TB
	cmd  *exec.Cmd
	done chan error
}

// NewDaemon describes a daemon; it does not start it. What still runs when the
// test ends is killed.
func NewDaemon(t testing.TB, binary, logs string, args ...string) *Daemon {
	d := &Daemon{Binary: binary, Args: args, Log: filepath.Join(logs, filepath.Base(binary)+".out"), t: t}
	t.Cleanup(d.cleanup)
	return d
}

func (d *Daemon) cleanup() {
	if d.cmd != nil {
		d.Kill()
	}
	if d.t.Failed() {
		d.t.Logf("%s printed:\n%s", filepath.Base(d.Binary), tail(d.Output()))
	}
}

func tail(text string) string {
	const most = 4000
	if len(text) > most {
		return "…" + text[len(text)-most:]
	}
	return text
}

// Start starts the process.
func (d *Daemon) Start() {
	d.t.Helper()
	out, err := os.OpenFile(d.Log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		d.t.Fatal(err)
	}
	defer out.Close()
	d.cmd = exec.Command(d.Binary, d.Args...)
	d.cmd.Stdout, d.cmd.Stderr = out, out
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := d.cmd.Start(); err != nil {
		d.t.Fatal(err)
	}
	cmd, done := d.cmd, make(chan error, 1)
	d.done = done
	go func() { done <- cmd.Wait() }()
}

// Kill is kill -9, and waits for the end.
func (d *Daemon) Kill() {
	_ = d.cmd.Process.Kill()
	<-d.done
	d.cmd = nil
}

// Signal sends a signal.
func (d *Daemon) Signal(s os.Signal) {
	d.t.Helper()
	if err := d.cmd.Process.Signal(s); err != nil {
		d.t.Fatal(err)
	}
}

// Stop sends SIGTERM and fails unless the daemon drains and ends with success.
func (d *Daemon) Stop() {
	d.t.Helper()
	d.Signal(syscall.SIGTERM)
	select {
	case err := <-d.done:
		d.cmd = nil
		if err != nil {
			d.t.Errorf("%s ended with %v", d.Binary, err)
		}
	case <-time.After(30 * time.Second):
		d.t.Fatalf("%s does not stop", d.Binary)
	}
}

// Fails runs the command to its end and returns its exit code and output.
func (d *Daemon) Fails() (int, string) {
	d.t.Helper()
	cmd := exec.Command(d.Binary, d.Args...)
	timer := time.AfterFunc(20*time.Second, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		d.t.Fatalf("%s did not fail: %v\n%s", d.Binary, err, out)
	}
	return exit.ExitCode(), string(out)
}

// Output is what the daemon has printed, in all its lives.
func (d *Daemon) Output() string {
	data, err := os.ReadFile(d.Log)
	if err != nil {
		return ""
	}
	return string(data)
}
