package crash

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/tocsin-lma/tocsin/internal/testserver"
)

// Places are what a command line and a configuration may refer to: {config},
// {data}, {logs}, and as host:port {admin}, {listen} for the daemon before, {http}
// for values, {next} for the next daemon, {sink1}, {sink2} and so on. {listen.port}
// and {http.host} are parts of these, and so on.
type Places struct {
	Config, Data, Logs, Admin, Listen, HTTP, Next string
	Sinks                                         []string
}

func (p Places) fill(s string) string {
	words := []string{"{config}", p.Config, "{data}", p.Data, "{logs}", p.Logs}
	address := func(name, at string) {
		host, port, _ := net.SplitHostPort(at)
		words = append(words, "{"+name+"}", at, "{"+name+".host}", host, "{"+name+".port}", port)
	}
	address("admin", p.Admin)
	address("listen", p.Listen)
	address("http", p.HTTP)
	address("next", p.Next)
	for i, sink := range p.Sinks {
		address("sink"+strconv.Itoa(i+1), sink)
	}
	return strings.NewReplacer(words...).Replace(s)
}

func (p Places) fillAll(words []string) []string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = p.fill(w)
	}
	return out
}

// Process is the collector, started again and again.
type Process struct {
	Command []string
	Enter   []string // put before everything: where it runs
	Wrap    []string // put before the command: an injector of failures
	Env     []string // nil: that of the harness
	Output  string   // file that takes what it prints

	mu    sync.Mutex
	cmd   *exec.Cmd
	done  chan struct{}
	kills int
}

// Start starts it; it must not be running.
func (p *Process) Start() error {
	out, err := os.OpenFile(p.Output, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("open output: %w", err)
	}
	defer out.Close()
	words := slices.Concat(p.Enter, p.Wrap, p.Command)
	cmd := exec.Command(words[0], words[1:]...)
	cmd.Stdout, cmd.Stderr, cmd.Env = out, out, p.Env
	// A group of its own, so that a wrapper dies with it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", words[0], err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = cmd.Wait()
	}()
	p.mu.Lock()
	p.cmd, p.done = cmd, done
	p.mu.Unlock()
	return nil
}

func (p *Process) signal(s syscall.Signal) {
	if err := syscall.Kill(-p.cmd.Process.Pid, s); err != nil && !errors.Is(err, syscall.ESRCH) {
		_ = p.cmd.Process.Signal(s)
	}
}

// Kill kills it at once and waits until it is gone.
func (p *Process) Kill() {
	if p.cmd == nil {
		return
	}
	p.signal(syscall.SIGKILL)
	<-p.done
}

// KillAndStart is a crash.
func (p *Process) KillAndStart() error {
	p.Kill()
	p.kills++
	return p.Start()
}

// Pause stops it for a while.
func (p *Process) Pause(d time.Duration) {
	p.signal(syscall.SIGSTOP)
	time.Sleep(d)
	p.signal(syscall.SIGCONT)
}

// Reload asks it to read its configuration again. One that has only just begun does
// not know the signal yet, and ends: see Revive.
func (p *Process) Reload() { p.signal(syscall.SIGHUP) }

// Terminate asks it to end, as an operator does, and starts it again. What does
// not end within 15 s is an error.
func (p *Process) Terminate() error {
	p.signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(15 * time.Second):
		return errors.New("it does not end 15 s after SIGTERM")
	}
	return p.Start()
}

// Revive starts it if it has ended by itself, as a supervisor does.
func (p *Process) Revive() error {
	select {
	case <-p.done:
		time.Sleep(50 * time.Millisecond)
		return p.Start()
	default:
		return nil
	}
}

// PeakMiB is the most memory that the running process has had.
func (p *Process) PeakMiB() int { return p.status("VmHWM:") }

// ResidentMiB is the memory that the running process has now.
func (p *Process) ResidentMiB() int { return p.status("VmRSS:") }

func (p *Process) status(name string) int {
	f, err := os.Open("/proc/" + strconv.Itoa(p.cmd.Process.Pid) + "/status")
	if err != nil {
		return 0
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if rest, ok := strings.CutPrefix(lines.Text(), name); ok {
			kib, err := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(rest), " kB"))
			if err == nil {
				return kib >> 10
			}
		}
	}
	return 0
}

// freeAddress is an address of this machine that nobody listens on.
func freeAddress() (string, error) {
	port, err := testserver.FreePort()
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), err
}
