package luavm_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/pkg/sandbox/luavm"
)

// input is the standard input of testdata/io.lua.
const input = "first\n 42x\nrest\nl1\nl2"

// pipe hides that a reader has a position, as a pipe has none.
type pipe struct{ io.Reader }

// withLog defines what the scripts use: D, a directory to write to, and log. It
// returns the file that log writes to, since the standard output is tested too.
func withLog(t *testing.T, script string) (source, path string) {
	t.Helper()
	dir := t.TempDir()
	path = filepath.Join(dir, "LOG")
	return fmt.Sprintf("D = %q local f = io.open(%q, 'w') function log(line) f:write(line, '\\n') end\n%s", dir, path, script), path
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(text)
}

func runOurs(t *testing.T, script string) string {
	t.Helper()
	source, path := withLog(t, script)
	vm := luavm.New(luavm.Options{Trusted: true, Stdin: pipe{strings.NewReader(input)}, Stdout: io.Discard, Stderr: io.Discard})
	err := vm.Load("=stdin", source)
	vm.Close()
	require.NoError(t, err)
	return readFile(t, path)
}

func runPUC(t *testing.T, script string) string {
	t.Helper()
	puc, err := exec.LookPath("lua5.1")
	if err != nil {
		t.Skip("lua5.1 is not installed")
	}
	source, path := withLog(t, script)
	chunk := filepath.Join(t.TempDir(), "chunk.lua")
	require.NoError(t, os.WriteFile(chunk, []byte(source), 0o644))
	cmd := exec.CommandContext(t.Context(), puc, "-e", fmt.Sprintf("loadstring(io.open(%q):read('*a'), '=stdin')()", chunk))
	cmd.Stdin = pipe{strings.NewReader(input)}
	cmd.Env = []string{"TZ=UTC", "LC_ALL=C", "PATH=" + os.Getenv("PATH")}
	require.NoError(t, cmd.Run())
	return readFile(t, path)
}

// sameLines compares two logs line by line.
func sameLines(t *testing.T, want, got string) {
	t.Helper()
	a, b := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			t.Errorf("line %d\n  want %s\n  got  %s", i+1, a[i], b[i])
		}
	}
	require.Len(t, b, len(a))
}

func ioScript(t *testing.T) string {
	t.Helper()
	script, err := os.ReadFile("testdata/io.lua")
	require.NoError(t, err)
	return string(script)
}

// TestIO compares with what PUC Lua 5.1.5 answered when the golden file was
// written.
func TestIO(t *testing.T) {
	const golden = "testdata/io.golden"
	if *update {
		require.NoError(t, os.WriteFile(golden, []byte(runPUC(t, ioScript(t))), 0o644))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	sameLines(t, string(want), runOurs(t, ioScript(t)))
}

// TestIOAgainstLua asks the lua5.1 of this machine.
func TestIOAgainstLua(t *testing.T) {
	sameLines(t, runPUC(t, ioScript(t)), runOurs(t, ioScript(t)))
}

// TestFileSequences does the same things at random to files here and in the
// lua5.1 of this machine. As C demands, reading and writing take turns only
// after a seek.
func TestFileSequences(t *testing.T) {
	for seed := range uint64(8) {
		script := sequences(rand.New(rand.NewPCG(seed, 0)), 40)
		sameLines(t, runPUC(t, script), runOurs(t, script))
	}
}

func sequences(r *rand.Rand, files int) string {
	pick := func(list ...string) string { return list[r.IntN(len(list))] }
	var b strings.Builder
	b.WriteString(`
local function show(...)
  local t = {...}
  for i = 1, select("#", ...) do
    local s = type(t[i]) == "userdata" and "file" or tostring(t[i]):gsub("%c", "~")
    t[i] = #s > 200 and #s .. s:sub(1, 40) .. s:sub(-40) or s
  end
  log(table.concat(t, "\t"))
end
`)
	for i := range files {
		name := fmt.Sprintf("D .. \"/f%d\"", i%5)
		content := pick(`""`, `"abc\ndef\nghi\n"`, `"abc\ndef"`, `"12 34.5 0x1F -7e2 nan inf x\n9"`, `"\r\nx\r\ny"`, `"\n\n\n"`, `("0123456789\n"):rep(372)`, `("0123456789\n"):rep(1000)`)
		fmt.Fprintf(&b, "do local f = io.open(%s, 'w') f:write(%s) f:close() end\n", name, content)
		mode := pick("r", "w", "a", "r+", "w+", "a+", "r+b", "ab+")
		fmt.Fprintf(&b, "do local f = io.open(%s, %q) local lines = f:lines()\n", name, mode)
		last := ""
		for range 2 + r.IntN(12) {
			kind := pick("read", "read", "write", "write", "seek", "flush", "setvbuf", "lines")
			if kind == "lines" && mode == "r" {
				// After a write that failed it raises whatever errno is.
				kind = "read"
			}
			call := "f:" + kind
			switch kind {
			case "read":
				var formats []string
				for range r.IntN(4) {
					formats = append(formats, pick(`"*n"`, `"*l"`, `"*a"`, "0", "1", "3", "10", "5000"))
				}
				call += "(" + strings.Join(formats, ", ") + ")"
			case "write":
				call += "(" + pick(`"X"`, `"hello\n"`, "123", "1.5", `"ab\ncd"`, `("z"):rep(5000)`, `("y"):rep(4096)`, `""`, `"q", 7, "r"`, "-0", "1e100") + ")"
			case "seek":
				call += "(" + pick(`"set"`, `"cur"`, `"end"`) + ", " + pick("0", "1", "-1", "3", "-3", "10", "5000", "-20") + ")"
			case "flush":
				call += "()"
			case "setvbuf":
				call += "(" + pick(`"no"`, `"full"`, `"line"`) + ")"
			case "lines":
				call, kind = "lines()", "read"
			}
			if last != "" && last != kind && (kind == "read" || kind == "write") {
				b.WriteString(" f:seek('cur', 0)\n")
			}
			if kind == "read" || kind == "write" {
				last = kind
			}
			fmt.Fprintf(&b, " show([[%d %s]], pcall(function() return %s end))\n", i, call, call)
		}
		fmt.Fprintf(&b, " show(f:close()) show(io.open(%s):read('*a')) end\n", name)
	}
	return b.String()
}

// TestStandardOutputIsOrdered: print, io.write, files and children write to the
// same place in the order of the script, and all is there when the script ends.
func TestStandardOutputIsOrdered(t *testing.T) {
	for name, last := range map[string]string{
		"end": "", "exit": "os.exit(3)", "error": "error('x')",
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			vm := open(t, luavm.Options{Trusted: true, Stdout: &out, Stderr: &out})
			err := vm.Load("=x", `
print("one") io.write("two ", 2, "\n") io.stdout:write("three\n")
assert(os.execute("echo four") == 0)
local f = io.popen("cat", "w") f:write("five\n") f:close()
pcall(io.close) io.stdout:close() print("six")
io.output(io.stderr) io.output(io.stdout) io.write("seven") `+last)
			require.Equal(t, "one\ntwo 2\nthree\nfour\nfive\nsix\nseven", out.String())
			var exit *luavm.ExitError
			require.Equal(t, name == "exit", errors.As(err, &exit))
			require.Equal(t, name == "end", err == nil)
			require.NoError(t, vm.Flush())
		})
	}
}

// failing is a standard output without room.
type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, io.ErrShortWrite }

func TestFlushTellsOfLostOutput(t *testing.T) {
	vm := open(t, luavm.Options{Trusted: true, Stdout: failing{}})
	require.NoError(t, vm.Load("=x", "print('one')"))
	require.ErrorIs(t, vm.Flush(), io.ErrShortWrite)
}

// TestFilesAreWrittenAtTheEnd: what is buffered for a file that stays open is
// written when the state is closed, also after os.exit.
func TestFilesAreWrittenAtTheEnd(t *testing.T) {
	for _, last := range []string{"", "os.exit(0)"} {
		path := filepath.Join(t.TempDir(), "file")
		vm := luavm.New(luavm.Options{Trusted: true})
		err := vm.Run("=x", "f = io.open(..., 'w') f:write('kept') "+last, lstr(path))
		require.Equal(t, last == "", err == nil)
		require.Empty(t, readFile(t, path))
		vm.Close()
		require.Equal(t, "kept", readFile(t, path))
	}
}

// TestLostFilesAreClosed: a script may forget more files than a process may have
// open, and what it wrote to them is not lost.
func TestLostFilesAreClosed(t *testing.T) {
	dir := t.TempDir()
	vm := open(t, luavm.Options{Trusted: true})
	require.NoError(t, vm.Run("=x", `
local dir = ...
for i = 1, 200 do
  for j = 1, 20 do io.open(dir .. "/" .. j, "w"):write("round ", i) end
  collectgarbage()
end
local n = #io.popen("ls /proc/$PPID/fd"):read("*a"):gsub("%d", "")
assert(n < 1000, n)`, lstr(dir)))
	vm.Close()
	require.Equal(t, "round 200", readFile(t, filepath.Join(dir, "20")))
}

// TestReadingIsLimited: a plugin that may read files is held to its memory.
func TestReadingIsLimited(t *testing.T) {
	for _, call := range []string{
		`read("*a")`, `read("*l")`, `read(1e9)`, `lines()()`,
	} {
		vm := open(t, luavm.Options{Devices: true, MemoryBytes: 4 << 20})
		err := vm.Load("=x", `io.open("/dev/zero"):`+call)
		require.EqualError(t, err, "x:1: not enough memory", call)
		require.NoError(t, vm.Load("=x", `assert(not pcall(function() return io.open("/dev/zero"):`+call+` end)) assert(io.stdout:close() == nil)`))
	}
	vm := open(t, luavm.Options{Devices: true, Instructions: 1000})
	require.ErrorContains(t, vm.Load("=x", `io.popen("yes ''"):read("*n")`), "instruction_limit exceeded")
	vm = open(t, luavm.Options{Devices: true, MemoryBytes: 4 << 20})
	require.EqualError(t, vm.Load("=x", `io.popen("tr '\\0' 7 </dev/zero"):read("*n")`), "x:1: not enough memory")
}

// TestCloseEndsChildren: a plugin that is closed leaves no process behind.
func TestCloseEndsChildren(t *testing.T) {
	vm := luavm.New(luavm.Options{Devices: true})
	require.NoError(t, vm.Load("=x", `f = io.popen("exec sleep 1000")`))
	start := time.Now()
	vm.Close()
	require.Less(t, time.Since(start), 30*time.Second)
}

func TestSandboxesHaveNoFiles(t *testing.T) {
	vm := open(t, luavm.Options{})
	require.NoError(t, vm.Load("=x", `
assert(io == nil and print == nil and os.execute == nil and os.remove == nil and os.getenv == nil and os.exit == nil)
assert(not pcall(require, "io"))`))
}

// TestLinesKeepZeros: the one thing that is meant to be better than in PUC Lua.
func TestLinesKeepZeros(t *testing.T) {
	require.Equal(t, "true\n", runOurs(t, `
local path = D .. "/z" local f = io.open(path, "w") f:write("a\0b\nc\0\n") f:close()
f = io.open(path) log(tostring(f:read() == "a\0b" and f:read() == "c\0"))`))
}

// FuzzReadNumber: what tonumber takes for a decimal number read("*n") reads as the
// same, and nothing makes it fail.
func FuzzReadNumber(f *testing.F) {
	for _, seed := range []string{"1", " -3.5e+7x", "0x1Fp-2", "0x.", "nan", "-infinity", "infix", "1e", ".", "+", "1e999", "5e-324", "\x00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		vm := open(t, luavm.Options{Trusted: true, Stdin: pipe{strings.NewReader(text)}})
		vm.SetGlobal("text", lstr(text))
		require.NoError(t, vm.Load("=x", `
local n, rest = io.read("*n"), io.read("*a")
assert(n == nil or type(n) == "number") assert(#rest <= #text)
local want = not text:find("[xX%z]") and tonumber(text)
if want then assert((n == want or n ~= n and want ~= want) and not rest:find("%S"), want) end`))
	})
}
