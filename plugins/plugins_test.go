package plugins_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/plugins"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// tool builds the operator's tool, whose `plugin run` is what the cases are for.
func tool(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "tocsin")
	out, err := exec.Command("go", "build", "-o", binary, "../cmd/tocsin").CombinedOutput()
	require.NoError(t, err, "%s", out)
	return binary
}

// TestGolden runs the cases of every plugin, testdata/<kind>s/<name>/cases.ndjson,
// and compares the results with golden.ndjson beside them.
func TestGolden(t *testing.T) {
	binary := tool(t)
	files, err := filepath.Glob("testdata/*/*/cases.ndjson")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		dir := filepath.Dir(file)
		t.Run(strings.TrimPrefix(dir, "testdata/"), func(t *testing.T) {
			got := results(t, binary, file)
			golden := filepath.Join(dir, "golden.ndjson")
			if *update {
				require.NoError(t, os.WriteFile(golden, got, 0o644))
			}
			want, err := os.ReadFile(golden)
			require.NoError(t, err)
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Errorf("results differ from %s (-want +got); run the test with -update if they should:\n%s", golden, diff)
			}
		})
	}
}

// results runs a file of cases; what differs from run to run is left out.
func results(t *testing.T, binary, file string) []byte {
	t.Helper()
	cases, err := os.Open(file)
	require.NoError(t, err)
	defer cases.Close()
	cmd := exec.Command(binary, "plugin", "run")
	cmd.Stdin = cases
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	require.NoError(t, err)

	var b bytes.Buffer
	lines := bufio.NewScanner(bytes.NewReader(out))
	lines.Buffer(nil, 16<<20)
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	for lines.Scan() {
		var v any
		require.NoError(t, json.Unmarshal(lines.Bytes(), &v))
		strip(v)
		require.NoError(t, enc.Encode(v))
	}
	require.NoError(t, lines.Err())
	return b.Bytes()
}

// strip removes the random ids of messages.
func strip(v any) {
	switch v := v.(type) {
	case map[string]any:
		delete(v, "uuid")
		for _, x := range v {
			strip(x)
		}
	case []any:
		for _, x := range v {
			strip(x)
		}
	}
}

// TestEveryPluginHasCases fails for a plugin without an input and a golden file, and
// for a decoder whose cases do not show both what it takes and what it refuses, or
// which FuzzDecoders cannot open.
func TestEveryPluginHasCases(t *testing.T) {
	files, err := fs.Glob(plugins.FS, "lua/*/*.lua")
	require.NoError(t, err)
	for _, file := range files {
		kind, name := path.Base(path.Dir(file)), strings.TrimSuffix(path.Base(file), ".lua")
		if kind == "modules" || kind == "outputs" || name == "afd" {
			continue // tested by TestModules, TestLastFile and the cases of the alarms
		}
		require.FileExists(t, filepath.Join("testdata", kind, name, "cases.ndjson"))
		require.FileExists(t, filepath.Join("testdata", kind, name, "golden.ndjson"))
		if kind == "decoders" {
			requireBoth(t, name)
			openDecoder(t, name, needed[name])
		}
	}
}

// takesAnything are decoders that refuse nothing.
var takesAnything = map[string]bool{"noop": true, "contrail_log": true, "kubernetes": true}

func requireBoth(t *testing.T, name string) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "decoders", name, "golden.ndjson"))
	require.NoError(t, err)
	emitted, refused := 0, 0
	for line := range bytes.Lines(data) {
		var c struct {
			Steps []struct {
				OK  bool
				Out []any
			}
		}
		require.NoError(t, json.Unmarshal(line, &c))
		for _, s := range c.Steps {
			emitted += len(s.Out)
			if !s.OK {
				refused++
			}
		}
	}
	require.NotZero(t, emitted, "no case of the decoder %s emits a message", name)
	if !takesAnything[name] {
		require.NotZero(t, refused, "no case of the decoder %s shows what it refuses", name)
	}
}
