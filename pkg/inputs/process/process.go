// Package process runs commands at an interval and takes what they print.
//
// Invariant: no command outlives its time: at the timeout, and at the end of Run,
// its whole process group is killed.
//
//	Run (1): ticks, runs the pipeline, emits, commits
package process

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os/exec"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/tocsin-lma/tocsin/pkg/inputs"
	"github.com/tocsin-lma/tocsin/pkg/message"
	"github.com/tocsin-lma/tocsin/pkg/splitter"
)

// Command is one program of a pipeline.
type Command struct {
	Bin       string   `yaml:"bin"`
	Args      []string `yaml:"args"`
	Env       []string `yaml:"env"` // NAME=value; empty: the daemon's environment
	Directory string   `yaml:"directory"`
}

// Config is the section of a process input.
type Config struct {
	Command        map[string]Command `yaml:"command"` // by number, from "0"; each reads what the one before prints
	TickerInterval time.Duration      `yaml:"ticker_interval"`
	ImmediateStart bool               `yaml:"immediate_start"` // run at once, and not only after the first interval
	Stdout         *bool              `yaml:"stdout"`          // default true
	Stderr         *bool              `yaml:"stderr"`          // default false
	Timeout        time.Duration      `yaml:"timeout"`         // 0: the interval; of a single run (ticker_interval 0): none
	MaxOutput      int                `yaml:"max_output"`      // bytes of each stream; the rest is dropped and counted
}

// DefaultConfig returns the settings that hold when the model says nothing.
func DefaultConfig() Config {
	return Config{TickerInterval: 15 * time.Second, MaxOutput: 1 << 20}
}

// Options is what the daemon adds to the model.
type Options struct {
	Name     string
	Hostname string
	PID      int32
	Splitter splitter.Config // zero value: lines
	Logger   *slog.Logger
}

// Input runs a pipeline of commands.
type Input struct {
	cfg      Config
	opt      Options
	commands []Command
	ids      inputs.Identities
	failing  bool
}

// New makes the input.
func New(cfg Config, opt Options) (*Input, error) {
	in := &Input{cfg: cfg, opt: opt}
	keys := make([]int, 0, len(cfg.Command))
	for key, c := range cfg.Command {
		n, err := strconv.Atoi(key)
		if err != nil || n < 0 {
			return nil, fmt.Errorf("read process input: command %q: want a number from 0", key)
		}
		if c.Bin == "" {
			return nil, fmt.Errorf("read process input: command %s has no bin", key)
		}
		keys = append(keys, n)
	}
	if len(keys) == 0 {
		return nil, errors.New("read process input: it has no command; write command: {\"0\": {bin: /path/of/program}}")
	}
	slices.Sort(keys)
	for _, n := range keys {
		in.commands = append(in.commands, cfg.Command[strconv.Itoa(n)])
	}
	if cfg.TickerInterval < 0 || cfg.Timeout < 0 {
		return nil, errors.New("read process input: ticker_interval and timeout: want 0 or more")
	}
	if in.cfg.MaxOutput <= 0 {
		in.cfg.MaxOutput = DefaultConfig().MaxOutput
	}
	if in.cfg.Timeout == 0 {
		in.cfg.Timeout = cfg.TickerInterval
	}
	if opt.Logger == nil {
		in.opt.Logger = slog.New(slog.DiscardHandler)
	}
	if _, err := splitter.New(opt.Splitter); err != nil {
		return nil, err
	}
	return in, nil
}

// Run runs the pipeline at every interval until ctx ends, or once when the
// interval is 0.
func (in *Input) Run(ctx context.Context, open message.OpenStream) error {
	s, err := open(in.opt.Name)
	if err != nil {
		return fmt.Errorf("open stream %s: %w", in.opt.Name, err)
	}
	stream := inputs.Share(s)
	group, ctx := errgroup.WithContext(ctx)
	beating, stop := context.WithCancel(ctx)
	group.Go(func() error { return stream.Beat(beating) })
	group.Go(func() error {
		defer stop()
		return in.loop(ctx, stream)
	})
	return errors.Join(group.Wait(), stream.Close())
}

func (in *Input) loop(ctx context.Context, stream *inputs.Stream) error {
	if in.cfg.TickerInterval == 0 {
		return in.once(ctx, stream)
	}
	ticker := time.NewTicker(in.cfg.TickerInterval)
	defer ticker.Stop()
	for now := in.cfg.ImmediateStart; ; now = true {
		if now {
			if err := in.once(ctx, stream); err != nil && ctx.Err() == nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// outcome is what a run of the pipeline left.
type outcome struct {
	stdout, stderr *capped
	status         int    // of the last command; -1: it did not exit by itself
	failures       string // of the other commands
}

func (in *Input) once(ctx context.Context, stream *inputs.Stream) error {
	o := in.run(ctx)
	if ctx.Err() != nil {
		return nil
	}
	failed := o.status != 0 || o.failures != ""
	if failed && !in.failing {
		in.opt.Logger.Warn("command failed", "input", in.opt.Name, "exit_status", o.status, "others", o.failures, "stderr", o.stderr.excerpt())
	}
	in.failing = failed
	if dropped := o.stdout.dropped + o.stderr.dropped; dropped > 0 {
		in.opt.Logger.Warn("command printed too much", "input", in.opt.Name, "dropped_bytes", dropped, "limit", in.cfg.MaxOutput)
	}
	if in.cfg.Stdout == nil || *in.cfg.Stdout {
		if err := in.emit(stream, o, "stdout", o.stdout.data); err != nil {
			return err
		}
	}
	if in.cfg.Stderr != nil && *in.cfg.Stderr {
		if err := in.emit(stream, o, "stderr", o.stderr.data); err != nil {
			return err
		}
	}
	if err := stream.Commit(ctx); err != nil {
		return fmt.Errorf("commit output: %w", err)
	}
	return nil
}

func (in *Input) emit(stream *inputs.Stream, o outcome, name string, data []byte) error {
	split, err := splitter.New(in.opt.Splitter)
	if err != nil {
		return err
	}
	for len(data) > 0 {
		record, advance, err := split.Split(data, true)
		if size, tooLong := splitter.IsTooLong(err); tooLong {
			in.opt.Logger.Warn("record too long", "input", in.opt.Name, "size", size, "limit", split.Limit())
		}
		if advance == 0 {
			return nil
		}
		data = data[advance:]
		if record == nil {
			continue
		}
		m := &message.Message{
			UUID: in.ids.Next(), Timestamp: time.Now().UnixNano(), Type: "ProcessInput", Logger: in.opt.Name,
			Hostname: in.opt.Hostname, Payload: string(record),
		}
		m.SetPID(in.opt.PID)
		m.AddString("ProcessInputName", in.opt.Name+"."+name)
		m.AddInteger("ExitStatus", int64(o.status), "")
		if o.failures != "" {
			m.AddString("SubcmdErrors", o.failures)
		}
		if err := stream.Emit(m); err != nil {
			return fmt.Errorf("emit record: %w", err)
		}
	}
	return nil
}

// run runs the pipeline once; at the timeout every group is killed as a whole.
func (in *Input) run(ctx context.Context) outcome {
	if in.cfg.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, in.cfg.Timeout)
		defer cancel()
	}
	o := outcome{stdout: &capped{limit: in.cfg.MaxOutput}, stderr: &capped{limit: in.cfg.MaxOutput}}
	cmds := in.build(ctx, o.stderr)
	var failures []error
	var pipes []io.Closer
	for i := range len(cmds) - 1 {
		pipe, err := cmds[i].StdoutPipe()
		if err != nil {
			failures = append(failures, fmt.Errorf("connect command %d: %w", i, err))
			break
		}
		cmds[i+1].Stdin = pipe
		pipes = append(pipes, pipe)
	}
	cmds[len(cmds)-1].Stdout = o.stdout
	started := 0
	for i, cmd := range cmds {
		if err := cmd.Start(); err != nil {
			failures = append(failures, fmt.Errorf("start command %d (%s): %w", i, cmd.Path, err))
			break
		}
		started++
	}
	for _, pipe := range pipes { // the commands have their own ends: a reader that ends must end its writer
		_ = pipe.Close()
	}
	if started < len(cmds) {
		for _, cmd := range cmds[:started] {
			_ = cmd.Cancel()
		}
	}
	o.status = -1
	for i := started - 1; i >= 0; i-- { // the last one first: the others write into it
		err := cmds[i].Wait()
		if i == len(cmds)-1 {
			o.status = cmds[i].ProcessState.ExitCode()
			if ctx.Err() != nil {
				failures = append(failures, fmt.Errorf("command %d killed after %s (timeout)", i, in.cfg.Timeout))
			}
		} else if err != nil {
			failures = append(failures, fmt.Errorf("command %d: %w", i, err))
		}
	}
	if err := errors.Join(failures...); err != nil {
		o.failures = err.Error()
	}
	return o
}

// build makes the commands, each the head of a process group of its own.
func (in *Input) build(ctx context.Context, stderr io.Writer) []*exec.Cmd {
	cmds := make([]*exec.Cmd, len(in.commands))
	for i, c := range in.commands {
		cmd := exec.CommandContext(ctx, c.Bin, c.Args...)
		cmd.Env, cmd.Dir = c.Env, c.Directory
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
		cmd.WaitDelay = 2 * time.Second // a grandchild that left the group may hold the pipe
		cmd.Stderr = stderr
		cmds[i] = cmd
	}
	return cmds
}

// capped keeps the first limit bytes written to it, by all commands together.
type capped struct {
	mu      sync.Mutex
	data    []byte
	limit   int
	dropped int
}

func (c *capped) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := min(len(p), c.limit-len(c.data))
	c.data = append(c.data, p[:n]...)
	c.dropped += len(p) - n
	return len(p), nil
}

func (c *capped) excerpt() string {
	return string(bytes.TrimSpace(c.data[:min(len(c.data), 200)]))
}
