package crash_test

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/internal/crash"
)

var document = flag.Bool("document", false, "write the tables of docs/crash-rounds.md from the files in -record")

// TestDocument writes, or checks, the tables of the document.
func TestDocument(t *testing.T) {
	const begin, end = "<!-- tables: begin -->\n", "<!-- tables: end -->\n"
	path := filepath.Join("..", "..", "docs", "crash-rounds.md")
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	before, rest, found := strings.Cut(string(text), begin)
	require.True(t, found, "no %q in %s", begin, path)
	tables, after, found := strings.Cut(rest, end)
	require.True(t, found, "no %q in %s", end, path)
	if !*document {
		for _, s := range scenarios("") {
			require.Contains(t, tables, "## "+s.about+":")
		}
		for _, s := range realScenarios() {
			require.Contains(t, tables, "## "+s.about+":")
		}
	}
	if !*document {
		return
	}
	require.NotEmpty(t, *record)
	var b strings.Builder
	for _, s := range scenarios("") {
		require.NoError(t, crash.Section(&b, s.about, readRounds(t, filepath.Join(*record, s.name+".jsonl"))))
	}
	for _, s := range realScenarios() {
		require.NoError(t, crash.Section(&b, s.about, readRounds(t, filepath.Join(*record, "real-"+s.script+".jsonl"))))
	}
	require.NoError(t, os.WriteFile(path, []byte(before+begin+b.String()+end+after), 0o644))
}

func readRounds(t *testing.T, path string) (rounds []crash.Round) {
	t.Helper()
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		var r crash.Round
		require.NoError(t, json.Unmarshal(lines.Bytes(), &r), fmt.Sprintf("%s: %s", path, lines.Text()))
		rounds = append(rounds, r)
	}
	require.NoError(t, lines.Err())
	return rounds
}
