package luavm_test

import (
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/pkg/sandbox/luavm"
)

// TestLuaSuite runs scripts of Lua 5.1's own test-suite with our libraries. Left
// out are what gopher-lua has changed to fail in PUC Lua (math), and what looks
// into debug (calls, closure) or compares functions of two names (pm).
func TestLuaSuite(t *testing.T) {
	suite, err := filepath.Abs("../../../third_party/gopher-lua/_lua5.1-tests")
	require.NoError(t, err)
	for _, name := range []string{
		"attrib", "constructs", "events", "files", "literals", "locals", "nextvar", "sort", "strings", "vararg",
	} {
		t.Run(name, func(t *testing.T) {
			source, err := os.ReadFile(filepath.Join(suite, name+".lua"))
			require.NoError(t, err)
			t.Chdir(t.TempDir())
			require.NoError(t, os.MkdirAll("libs/P1", 0o755))
			vm := open(t, luavm.Options{Trusted: true, Stdout: io.Discard, Stderr: io.Discard})
			require.NoError(t, vm.Load(name+".lua", string(source)))
		})
	}
}
