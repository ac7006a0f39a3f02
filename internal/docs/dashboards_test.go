package docs_test

import (
	"encoding/json"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// dashboard is the part of Grafana's format that can be wrong here.
type dashboard struct {
	UID        string
	Title      string
	Templating struct {
		List []struct{ Name, Query string }
	}
	Panels []struct {
		ID      int
		Title   string
		Type    string
		GridPos struct{ X, Y, W, H int }
		Targets []struct{ Query string }
	}
}

// measured maps every metric that is known to the tags of its series. Verdicts
// and the tags of all metrics are not in the list.
func measured(t *testing.T) map[string][]string {
	t.Helper()
	known := map[string][]string{
		"status": {"hostname", "member"}, "cluster_status": {"member", "cluster_name"},
		"$service": {"hostname", "http_method", "http_status"}, // chosen by the reader from what there is
	}
	for line := range strings.Lines(readFile(t, "alarms/metrics.txt")) {
		cells := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if strings.HasPrefix(line, "#") || len(cells) < 4 {
			continue
		}
		known[cells[0]] = append(strings.Split(cells[3], ","), "hostname")
	}
	require.Greater(t, len(known), 100, "the list of metrics was not read")
	return known
}

func TestDashboards(t *testing.T) {
	from := regexp.MustCompile(`FROM "([^"]+)"`)
	tag := regexp.MustCompile(`"(\w+)" ?(?:=|!=|=~) |GROUP BY (.*)$|KEY = "(\w+)"`)
	name := regexp.MustCompile(`"(\w+)"`)
	known := measured(t)
	paths, err := filepath.Glob(filepath.Join("..", "..", "dashboards", "*.json"))
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	uids := map[string]bool{}
	for _, path := range paths {
		file := filepath.Base(path)
		t.Run(file, func(t *testing.T) {
			var d dashboard
			require.NoError(t, json.Unmarshal([]byte(readFile(t, "dashboards/"+file)), &d))
			require.Equal(t, "tocsin-"+strings.TrimSuffix(file, ".json"), d.UID)
			require.False(t, uids[d.UID])
			uids[d.UID] = true
			require.NotEmpty(t, d.Panels)
			var queries []string
			for _, v := range d.Templating.List {
				if from.MatchString(v.Query) {
					queries = append(queries, v.Query)
				}
			}
			taken := map[[2]int]string{}
			for i, p := range d.Panels {
				require.Equal(t, i+1, p.ID)
				require.NotEmpty(t, p.Targets, p.Title)
				require.LessOrEqual(t, p.GridPos.X+p.GridPos.W, 24, p.Title)
				at := [2]int{p.GridPos.X, p.GridPos.Y}
				require.Empty(t, taken[at], "%s lies on %s", p.Title, taken[at])
				taken[at] = p.Title
				for _, target := range p.Targets {
					queries = append(queries, target.Query)
				}
			}
			for _, query := range queries {
				m := from.FindStringSubmatch(query)
				require.NotNil(t, m, query)
				tags, ok := known[m[1]]
				require.True(t, ok, "nothing is known to write the measurement %s", m[1])
				for _, found := range tag.FindAllStringSubmatch(query, -1) {
					for _, word := range name.FindAllStringSubmatch(`"`+found[1]+`" "`+found[3]+`" `+found[2], -1) {
						require.True(t, slices.Contains(tags, word[1]), "%s has no tag %s: %s", m[1], word[1], query)
					}
				}
			}
		})
	}
}
