package demo_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"

	"github.com/tocsin-lma/tocsin/alarms"
	"github.com/tocsin-lma/tocsin/pkg/config"
	"github.com/tocsin-lma/tocsin/pkg/demo"
	"github.com/tocsin-lma/tocsin/pkg/gse"
	"github.com/tocsin-lma/tocsin/pkg/health"
)

// explained is the evidence of a cluster of a running demonstration.
func explained(t *testing.T, url, cluster string) gse.Evidence {
	t.Helper()
	answer, err := http.Get(url + "/api/v1/explain/" + cluster)
	require.NoError(t, err)
	defer answer.Body.Close()
	var e struct{ Evidence gse.Evidence }
	require.NoError(t, json.NewDecoder(answer.Body).Decode(&e))
	return e.Evidence
}

// Within a minute every shipped alarm of a node is known on both nodes, in strict
// evaluation: none waits for what this host does not have. How well this host is
// is not the demonstration's doing. The same run shows that log lines travel from
// the log to the page.
func TestTheWholeLinuxClusterIsKnownAndLogLinesArrive(t *testing.T) {
	text, err := alarms.FS.ReadFile("linux.yml")
	require.NoError(t, err)
	n, err := config.Load(config.Source{Name: "linux.yml", Data: text})
	require.NoError(t, err)
	members := n.Get("aggregator", "alarm_cluster", "linux", "members").Items()
	require.Greater(t, len(members), 20)
	url := startDemo(t)
	missing := "everything"
	for deadline := time.Now().Add(time.Minute); missing != ""; time.Sleep(500 * time.Millisecond) {
		require.True(t, time.Now().Before(deadline), "not known after a minute: %s", missing)
		ev, known := explained(t, url, "linux"), map[string]bool{}
		missing = ""
		for _, g := range ev.Groups {
			for _, f := range g.Facts {
				known[f.Host+" "+f.Member] = f.Status != health.Unknown
			}
		}
		if len(ev.Groups) != 2 || !ev.Strict {
			missing = fmt.Sprintf("%d nodes", len(ev.Groups))
			continue
		}
		for _, g := range ev.Groups {
			for _, m := range members {
				if !known[g.Key+" "+m.Text()] {
					missing += " " + g.Key + "/" + m.Text()
				}
			}
		}
	}
	answer, err := http.Post(url+"/api/v1/faults/"+string(demo.HTTP5xx), "", nil)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	lines := func() (out []string) {
		for _, g := range explained(t, url, "shop").Groups {
			for _, f := range g.Facts {
				for _, raw := range f.Alarms {
					for _, line := range gjson.GetBytes(raw, "log_lines").Array() {
						out = append(out, line.Str)
					}
				}
			}
		}
		return out
	}
	require.Eventually(t, func() bool { return len(lines()) > 0 }, 40*time.Second, 500*time.Millisecond, "no log line arrives")
	require.Regexp(t, `"(GET|POST) /\S* HTTP/1.1" 50\d `, lines()[0], "the lines are those of the failed requests")
}
