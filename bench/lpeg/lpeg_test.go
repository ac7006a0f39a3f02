package lpeg_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	lua "github.com/yuin/gopher-lua"

	"github.com/tocsin-lma/tocsin/pkg/lpeg"
	"github.com/tocsin-lma/tocsin/pkg/sandbox/lualpeg"
)

// lines are of the sizes the targets are set for: 237, 131 and 169 bytes.
var lines = []struct{ name, text string }{
	{"openstack", "2025-03-12 10:00:00.000 11235 INFO nova.osapi_compute.wsgi.server " +
		"[req-08205109-5ac3-5758-8ad3-69761647e8c5 16f4651077cd5776efb8fc41d44dcfa9 " +
		"0cd5aab4a8fc6747a82a7d096d143b78 - default default] 10.0.0.12 \"GET /v2/servers\" status: 200 len: 195"},
	{"syslog", "<62>Mar 12 10:00:00 node-36 cron[20348]: link state changed to up on port " +
		"tap 57587221-8ad3-6976-16f4-efb8fc41d44d after 784 ms seq"},
	{"nginx", "10.7.94.176 - - [12/Mar/2025:10:00:00 +0000] \"GET /v3/volumes/detail?marker=5758 HTTP/1.1\" " +
		"200 865 \"https://horizon.example.net/\" \"Mozilla/5.0 (X11; Linux) Firefox/115.0\""},
}

// grammars loads the grammars into a new state.
func grammars(tb testing.TB, bare bool) (*lua.LState, *lualpeg.Binding, *lua.LTable) {
	tb.Helper()
	L := lua.NewState()
	tb.Cleanup(L.Close)
	b := lualpeg.Open(L)
	b.Preload(L)
	require.NoError(tb, L.DoFile(filepath.Join("testdata", "grammars.lua")))
	makeFn := L.Get(-1)
	require.NoError(tb, L.DoString(`return require "lpeg"`))
	lib := L.Get(-1)
	require.NoError(tb, L.CallByParam(lua.P{Fn: makeFn, NRet: 1, Protect: true}, lib, lua.LBool(bare)))
	return L, b, L.Get(-1).(*lua.LTable)
}

func pattern(tb testing.TB, b *lualpeg.Binding, t *lua.LTable, name string) *lpeg.Pattern {
	tb.Helper()
	p, ok := b.Pattern(t.RawGetString(name))
	require.True(tb, ok)
	return p
}

func report(b *testing.B, size int) {
	b.SetBytes(int64(size))
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "lines/s")
}

// BenchmarkMatch matches without captures.
func BenchmarkMatch(b *testing.B) {
	_, binding, t := grammars(b, true)
	for _, line := range lines {
		b.Run(line.name, func(b *testing.B) {
			prog, err := pattern(b, binding, t, line.name).Compile()
			require.NoError(b, err)
			var m lpeg.Machine
			b.ReportAllocs()
			for b.Loop() {
				if end, err := m.Match(prog, line.text, 0); err != nil || end != len(line.text) {
					b.Fatal(end, err)
				}
			}
			report(b, len(line.text))
		})
	}
}

// BenchmarkValues matches with captures that are given to Go.
func BenchmarkValues(b *testing.B) {
	L, binding, t := grammars(b, false)
	for _, line := range lines {
		b.Run(line.name, func(b *testing.B) {
			p := pattern(b, binding, t, line.name)
			ev := binding.Values(L)
			b.ReportAllocs()
			for b.Loop() {
				if vals, _, err := ev.Match(p, line.text, 0, nil); err != nil || len(vals) != 1 {
					b.Fatal(vals, err)
				}
			}
			report(b, len(line.text))
		})
	}
}

// BenchmarkLua matches with captures that become Lua tables, called from Lua.
func BenchmarkLua(b *testing.B) {
	L, _, t := grammars(b, false)
	for _, line := range lines {
		b.Run(line.name, func(b *testing.B) {
			loop := luaLoop(b, L)
			b.ReportAllocs()
			b.ResetTimer()
			err := L.CallByParam(lua.P{Fn: loop, Protect: true},
				t.RawGetString(line.name), lua.LString(line.text), lua.LNumber(b.N))
			require.NoError(b, err)
			report(b, len(line.text))
		})
	}
}

func luaLoop(tb testing.TB, L *lua.LState) *lua.LFunction {
	tb.Helper()
	fn, err := L.LoadString(`local p, s, n = ... local match = p.match for _ = 1, n do match(p, s) end`)
	require.NoError(tb, err)
	return fn
}

// TestNotSlowerThanC compares with LPeg in C under Lua 5.1, if they are
// installed, on the same grammars and lines: CPU time, the best of several turns
// taken in alternation, so that both have the same machine.
func TestNotSlowerThanC(t *testing.T) {
	exe, err := exec.LookPath("lua5.1")
	if err != nil {
		t.Skip("lua5.1 is not installed")
	}
	if testing.Short() {
		t.Skip("takes seconds")
	}
	// As the daemons run; a heap of a few MB would be collected all the time.
	defer debug.SetGCPercent(debug.SetGCPercent(400))
	L, _, table := grammars(t, false)
	loop := luaLoop(t, L)
	for _, line := range lines {
		var ours, c int
		for range 7 {
			cmd := exec.CommandContext(t.Context(), exe, filepath.Join("testdata", "measure.lua"),
				filepath.Join("testdata", "grammars.lua"), line.name, line.text, "0.1")
			cmd.Env = append(os.Environ(), "TZ=UTC")
			out, err := cmd.Output()
			if err != nil {
				t.Skip("lua-lpeg is not installed")
			}
			each, err := strconv.Atoi(strings.TrimSpace(string(out)))
			require.NoError(t, err)
			c = best(c, each)
			ours = best(ours, measure(t, L, loop, table.RawGetString(line.name), line.text))
		}
		t.Logf("%s: %d ns, C LPeg %d ns", line.name, ours, c)
		require.LessOrEqual(t, ours, c, "%s: %d ns a match, C LPeg takes %d ns", line.name, ours, c)
	}
}

func best(so, far int) int {
	if so == 0 {
		return far
	}
	return min(so, far)
}

// measure returns the nanoseconds of CPU time, collection of garbage included,
// of one match called from Lua.
func measure(t *testing.T, L *lua.LState, loop *lua.LFunction, p lua.LValue, line string) int {
	t.Helper()
	const rounds = 50_000
	start := cpuTime(t)
	require.NoError(t, L.CallByParam(lua.P{Fn: loop, Protect: true}, p, lua.LString(line), lua.LNumber(rounds)))
	return int((cpuTime(t) - start).Nanoseconds() / rounds)
}

func cpuTime(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	require.NoError(t, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
