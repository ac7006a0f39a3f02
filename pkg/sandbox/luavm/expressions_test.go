package luavm_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/pkg/sandbox/luavm"
)

var update = flag.Bool("update", false, "rewrite golden files with what PUC Lua 5.1 answers")

// evaluator prints every expression's results, or its error, on one line.
const evaluator = `
local function show(ok, ...)
  local out = {ok and "ok" or "error"}
  for i = 1, select("#", ...) do
    local s = tostring((select(i, ...)))
    s = s:gsub("0x%%x+", "ADDRESS"):gsub("[%%z\1-\31\127-\255]", function(c) return "\\" .. c:byte() end)
    out[#out + 1] = s
  end
  print(table.concat(out, "\t"))
end
for line in io.lines(%q) do
  local f, message = loadstring("return " .. line, "=x")
  if f then show(pcall(f)) else show(false, "syntax") end
end
`

const expressions = "testdata/expressions.lua"

func script() string { return fmt.Sprintf(evaluator, expressions) }

func ours(t *testing.T) string {
	t.Helper()
	var out bytes.Buffer
	vm := open(t, luavm.Options{Trusted: true, Stdout: &out})
	require.NoError(t, vm.Load("=evaluator", script()))
	return out.String()
}

func pucs(t *testing.T) string {
	t.Helper()
	lua, err := exec.LookPath("lua5.1")
	if err != nil {
		t.Skip("lua5.1 is not installed")
	}
	cmd := exec.CommandContext(t.Context(), lua, "-")
	cmd.Stdin = strings.NewReader(script())
	cmd.Env = []string{"TZ=UTC", "LC_ALL=C"}
	out, err := cmd.Output()
	require.NoError(t, err)
	return string(out)
}

func compare(t *testing.T, want, got string) {
	t.Helper()
	source, err := os.ReadFile(expressions)
	require.NoError(t, err)
	lines := strings.Split(strings.TrimSpace(string(source)), "\n")
	a, b := strings.Split(strings.TrimSpace(want), "\n"), strings.Split(strings.TrimSpace(got), "\n")
	require.Len(t, a, len(lines))
	require.Len(t, b, len(lines))
	wrong := 0
	for i := range lines {
		if a[i] != b[i] {
			wrong++
			t.Errorf("%s\n  want %s\n  got  %s", lines[i], a[i], b[i])
		}
	}
	t.Logf("%d expressions, %d differ", len(lines), wrong)
}

// TestExpressions compares with what PUC Lua 5.1.5 answered when the golden file
// was written.
func TestExpressions(t *testing.T) {
	const golden = "testdata/expressions.golden"
	if *update {
		require.NoError(t, os.WriteFile(golden, []byte(pucs(t)), 0o644))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	compare(t, string(want), ours(t))
}

// TestAgainstLua asks the lua5.1 of this machine.
func TestAgainstLua(t *testing.T) { compare(t, pucs(t), ours(t)) }
