package docs_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/pkg/alarmtest"
	"github.com/tocsin-lma/tocsin/pkg/config"
)

// The tests of the tour pass, as the README says.
func TestExamplesPass(t *testing.T) {
	file, err := alarmtest.ParseFile(filepath.Join("..", "..", "docs", "examples", "door_test.yml"))
	require.NoError(t, err)
	results := alarmtest.Run(t.Context(), []*alarmtest.File{file}, alarmtest.Options{Parallel: 1})
	require.Len(t, results, 2)
	for _, r := range results {
		require.True(t, r.OK, "%s: %v", r.Name, r.Mismatches)
	}
}

// Blocks of YAML in the texts can be read.
func TestYAMLInTextsIsYAML(t *testing.T) {
	block := regexp.MustCompile("(?s)```yaml\n(.*?)```")
	found := 0
	for _, path := range []string{"README.md", "docs/alarms.md", "docs/configuration.md", "docs/three-daemons.md", "dashboards/README.md"} {
		for _, m := range block.FindAllStringSubmatch(readFile(t, path), -1) {
			found++
			text := regexp.MustCompile(`\$\{file:[^}]*\}`).ReplaceAllString(m[1], "secret")
			_, err := config.Load(config.Source{Name: path, Data: []byte(text)})
			require.NoError(t, err, path)
		}
	}
	require.Greater(t, found, 5)
}

// What the texts link to in this repository is there.
func TestLinksLeadSomewhere(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#]+)[^)]*\)`)
	root := filepath.Join("..", "..")
	var texts []string
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/adr/*.md", "packaging/*.md", "dashboards/*.md"} {
		found, err := filepath.Glob(filepath.Join(root, pattern))
		require.NoError(t, err)
		texts = append(texts, found...)
	}
	require.Greater(t, len(texts), 10)
	for _, path := range texts {
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		for _, m := range link.FindAllStringSubmatch(string(data), -1) {
			if strings.Contains(m[1], "://") || strings.HasPrefix(m[1], "mailto:") {
				continue
			}
			_, err := os.Stat(filepath.Join(filepath.Dir(path), m[1]))
			require.NoError(t, err, "%s links to %s", path, m[1])
		}
	}
}
