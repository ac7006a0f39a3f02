package luavm_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/internal/effort"
	"github.com/tocsin-lma/tocsin/pkg/sandbox/luavm"
)

// What no script may exceed, whatever it does.
const (
	hostileTime   = time.Second
	hostileMemory = 256 << 20
	hostileEnv    = "TOCSIN_HOSTILE_SCRIPT"
)

// outcome is what the child reports about one script.
type outcome struct {
	Limit   string // instructions, work, time, memory, error or none
	Text    string
	Longest time.Duration // of one call, by the clock
	Used    time.Duration // by the processor
	Peak    int           // bytes, the process's high-water mark
	Usage   luavm.Usage
}

// TestHostile runs every script of testdata/hostile in a process of its own,
// under the default limits of a plugin. The first line of a script names the
// limit that must stop it.
func TestHostile(t *testing.T) {
	if effort.Race {
		t.Skip("each script has a process and a goroutine of its own: there is nothing to race with, and it takes minutes")
	}
	scripts, err := filepath.Glob("testdata/hostile/*.lua")
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(scripts), 40)
	var table strings.Builder
	w := tabwriter.NewWriter(&table, 0, 8, 2, ' ', 0)
	for _, script := range scripts {
		name := strings.TrimSuffix(filepath.Base(script), ".lua")
		t.Run(name, func(t *testing.T) {
			source, err := os.ReadFile(script)
			require.NoError(t, err)
			line, _, _ := strings.Cut(string(source), "\n")
			limits, text := parseHeader(t, line)
			got := runChild(t, script)
			fmt.Fprintf(w, "%s\t%s\t%d ms\t%d ms used\t%d MiB\t%d instructions\t%.70s\n", name, got.Limit,
				got.Longest.Milliseconds(), got.Used.Milliseconds(), got.Peak>>20, got.Usage.MaxInstructions, got.Text)
			if starved(t) {
				// The clock then counts what others do, and its limit may be the first.
				if got.Limit == "time" {
					limits, text = append(limits, "time"), ""
				}
				got.Longest = got.Used
			}
			require.Contains(t, limits, got.Limit, got.Text)
			require.Contains(t, got.Text, text)
			require.Less(t, got.Longest, hostileTime)
			require.Less(t, got.Used, hostileTime/4, "a machine that is busy needs room")
			require.Less(t, got.Peak, hostileMemory)
		})
	}
	require.NoError(t, w.Flush())
	t.Log("\n" + table.String())
}

// starved tells that more than eight programs want each processor, so that nothing
// can be said about a second by the clock. Processor time is bounded all the same.
func starved(t *testing.T) bool {
	t.Helper()
	text, err := os.ReadFile("/proc/loadavg")
	require.NoError(t, err)
	load, err := strconv.ParseFloat(strings.Fields(string(text))[0], 64)
	require.NoError(t, err)
	return load > float64(8*runtime.NumCPU())
}

var header = regexp.MustCompile(`^-- limit: ([a-z ]+?)(?: "(.*)")?$`)

func parseHeader(t *testing.T, line string) (limits []string, text string) {
	t.Helper()
	m := header.FindStringSubmatch(line)
	require.NotNil(t, m, line)
	return strings.Fields(m[1]), m[2]
}

func runChild(t *testing.T, script string) (got outcome) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.CommandContext(ctx, self, "-test.run=^TestHostileChild$")
	cmd.Env = append(os.Environ(), hostileEnv+"="+script)
	out, err := cmd.Output()
	require.NoError(t, err, string(out))
	line, _, _ := strings.Cut(string(out), "\n")
	require.NoError(t, json.Unmarshal([]byte(line), &got), string(out))
	return got
}

// TestHostileChild is the process that TestHostile starts.
func TestHostileChild(t *testing.T) {
	script := os.Getenv(hostileEnv)
	if script == "" {
		t.Skip("started by TestHostile only")
	}
	line, err := json.Marshal(runHostile(t, script))
	require.NoError(t, err)
	fmt.Println(string(line))
}

func runHostile(t *testing.T, script string) (got outcome) {
	source, err := os.ReadFile(script)
	require.NoError(t, err)
	vm := luavm.New(luavm.Options{
		Instructions: 1_000_000, MemoryBytes: 8 << 20,
		Devices: strings.HasPrefix(filepath.Base(script), "device_"),
	})
	defer vm.Close()
	timed := func(call func() error) error {
		start, cost := time.Now(), effort.Start()
		err := call()
		got.Longest = max(got.Longest, time.Since(start))
		got.Used = max(got.Used, cost.Spent())
		return err
	}
	err = timed(func() error { return vm.Load(script, string(source)) })
	// A plugin is called again and again; growth over calls must be stopped too.
	for i := 0; err == nil && i < 200; i++ {
		err = timed(func() error {
			_, _, err := vm.Call(vm.Global("process_message"))
			return err
		})
	}
	got.Limit, got.Usage, got.Peak = limitOf(err), vm.Usage(), highWater(t)
	if err != nil {
		got.Text = err.Error()
	}
	return got
}

func limitOf(err error) string {
	switch {
	case err == nil:
		return "none"
	case errors.Is(err, luavm.ErrInstructions):
		return "instructions"
	case errors.Is(err, luavm.ErrWork):
		return "work"
	case errors.Is(err, luavm.ErrTime):
		return "time"
	case errors.Is(err, luavm.ErrMemory):
		return "memory"
	}
	return "error"
}

// highWater is the most memory that the process ever had resident.
func highWater(t *testing.T) int {
	status, err := os.ReadFile("/proc/self/status")
	require.NoError(t, err)
	m := regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(status)
	require.NotNil(t, m)
	kib, err := strconv.Atoi(string(m[1]))
	require.NoError(t, err)
	return kib << 10
}
