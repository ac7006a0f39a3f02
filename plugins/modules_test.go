package plugins_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/pkg/message"
	"github.com/tocsin-lma/tocsin/pkg/sandbox"
	"github.com/tocsin-lma/tocsin/plugins"
)

// TestModules runs the checks of the shipped modules.
func TestModules(t *testing.T) {
	out, err := exec.Command(tool(t), "lua", "testdata/modules_test.lua").CombinedOutput()
	require.NoError(t, err, "%s", out)
}

// TestLastFile checks the output that keeps the last message in a file.
func TestLastFile(t *testing.T) {
	source, err := plugins.FS.ReadFile("lua/outputs/lastfile.lua")
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "last")
	p, err := sandbox.Open(sandbox.Options{
		Kind: sandbox.KindOutput, Name: "lastfile", Source: source, Config: map[string]any{"path": path},
	})
	require.NoError(t, err)
	t.Cleanup(func() { _ = p.Close(nil) })
	for _, payload := range []string{"a longer first message", "second"} {
		res, err := p.Process(&message.Message{Payload: payload}, func(*message.Message) error { return nil })
		require.NoError(t, err)
		require.Zero(t, res.Code, "%s", res.Text)
		got, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, payload, string(got))
	}
}
