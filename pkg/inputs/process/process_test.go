package process_test

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/tocsin-lma/tocsin/pkg/inputs/process"
	"github.com/tocsin-lma/tocsin/pkg/message"
	"github.com/tocsin-lma/tocsin/pkg/splitter"
)

type sink struct {
	mu  sync.Mutex
	got []*message.Message
}

func (s *sink) Emit(m *message.Message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.got = append(s.got, m.Clone())
	return nil
}
func (s *sink) Commit(context.Context) (int, error) { return 0, nil }
func (s *sink) Close(context.Context) error         { return nil }

func shell(scripts ...string) map[string]process.Command {
	commands := map[string]process.Command{}
	for i, script := range scripts {
		commands[strconv.Itoa(i)] = process.Command{Bin: "/bin/sh", Args: []string{"-c", script}}
	}
	return commands
}

func runOnce(t *testing.T, cfg process.Config, split splitter.Config) []*message.Message {
	t.Helper()
	defer goleak.VerifyNone(t)
	cfg.TickerInterval = 0
	in, err := process.New(cfg, process.Options{Name: "p", Hostname: "node-1", Splitter: split})
	require.NoError(t, err)
	s := &sink{}
	require.NoError(t, in.Run(t.Context(), func(string) (message.Stream, error) { return s, nil }))
	return s.got
}

func TestPipelineOfCommands(t *testing.T) {
	got := runOnce(t, process.Config{Command: shell("echo b; echo a; exit 3", "sort; exit 4")}, splitter.Config{})
	require.Len(t, got, 2)
	require.Equal(t, "a\n", got[0].Payload)
	require.Equal(t, "ProcessInput", got[0].Type)
	status, _ := got[0].Number("ExitStatus")
	require.EqualValues(t, 4, status)
	failures, _ := got[0].Text("SubcmdErrors")
	require.Contains(t, failures, "command 0: exit status 3")
}

func TestStderrAndNullSplitter(t *testing.T) {
	yes, no := true, false
	got := runOnce(t, process.Config{Command: shell("echo out; echo err 1 >&2; echo err 2 >&2"), Stdout: &no, Stderr: &yes}, splitter.Config{Engine: "null"})
	require.Len(t, got, 1)
	require.Equal(t, "err 1\nerr 2\n", got[0].Payload)
}

func TestTimeoutKillsTheGroup(t *testing.T) {
	pids := filepath.Join(t.TempDir(), "pid")
	var got []*message.Message
	var data []byte
	for timeout := 300 * time.Millisecond; len(data) == 0; timeout *= 2 { // longer where the shell had no time to begin
		require.Less(t, timeout, time.Minute, "the shell does not begin")
		got = runOnce(t, process.Config{Command: shell("echo begun; sleep 600 & echo $! > " + pids + "; wait"), Timeout: timeout}, splitter.Config{})
		data, _ = os.ReadFile(pids)
	}
	require.Len(t, got, 1)
	failures, _ := got[0].Text("SubcmdErrors")
	require.Contains(t, failures, "timeout")
	pid, err := strconv.Atoi(strings.TrimSpace(string(data)))
	require.NoError(t, err)
	require.Eventually(t, func() bool { return gone(pid) }, time.Minute, 10*time.Millisecond, "the child of the shell is killed too")
}

// gone reports whether a process has ended; one nobody waited for counts.
func gone(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return true
	}
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	return err != nil || strings.Contains(string(stat), ") Z ")
}

func TestWriterEndsWithItsReader(t *testing.T) {
	got := runOnce(t, process.Config{Command: shell("yes", "head -n 2"), Timeout: time.Minute}, splitter.Config{})
	require.Len(t, got, 2)
	failures, _ := got[0].Text("SubcmdErrors")
	require.NotContains(t, failures, "timeout")
}

func TestOutputIsBounded(t *testing.T) {
	got := runOnce(t, process.Config{Command: shell("yes | head -c 100000"), MaxOutput: 10}, splitter.Config{})
	require.Len(t, got, 5)
}

func TestMissingProgram(t *testing.T) {
	in, err := process.New(process.Config{Command: map[string]process.Command{"0": {Bin: "/no/such/program"}}}, process.Options{Name: "p"})
	require.NoError(t, err)
	require.NoError(t, in.Run(t.Context(), func(string) (message.Stream, error) { return &sink{}, nil }))
}

func TestInterval(t *testing.T) {
	in, err := process.New(process.Config{Command: shell("echo x"), TickerInterval: 30 * time.Millisecond, Timeout: time.Second, ImmediateStart: true}, process.Options{Name: "p"})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	s := &sink{}
	done := make(chan error, 1)
	go func() { done <- in.Run(ctx, func(string) (message.Stream, error) { return s, nil }) }()
	require.Eventually(t, func() bool { s.mu.Lock(); defer s.mu.Unlock(); return len(s.got) >= 3 }, time.Minute, time.Millisecond)
	cancel()
	require.NoError(t, <-done)
}

func TestConfigErrors(t *testing.T) {
	for want, commands := range map[string]map[string]process.Command{"no command": nil, "no bin": {"0": {}}, "number": {"first": {Bin: "x"}}} {
		_, err := process.New(process.Config{Command: commands}, process.Options{})
		require.ErrorContains(t, err, want)
	}
}
