package daemon_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/internal/testserver"
	"github.com/tocsin-lma/tocsin/pkg/daemon"
	"github.com/tocsin-lma/tocsin/pkg/selfmon"
)

const collectdModel = `
global: {drain_timeout: 5s, hostname: node-1}
metric_collector:
  decoder:
    collectd: {engine: sandbox, module_file: FILE}
  input:
    collectd: {engine: http, address: 127.0.0.1, port: PORT, decoder: collectd, splitter: NullSplitter}
  output:
    out: {engine: file, path: DIR/out, encoder: line_protocol, message_matcher: "Type == 'metric'", flush_interval: 10}
`

func collectdSample(cpu, value int) string {
	return fmt.Sprintf(`{"values":[%d],"dstypes":["gauge"],"dsnames":["value"],"time":1741773600.000,"interval":10.000,"host":"n1.example.org",`+
		`"plugin":"cpu","plugin_instance":"%d","type":"percent","type_instance":"idle"}`, value, cpu)
}

// TestCollectdDecoderOfTheModel: the shipped decoder runs where the model's file
// does not exist; a file that exists is run.
func TestCollectdDecoderOfTheModel(t *testing.T) {
	own := filepath.Join(t.TempDir(), "collectd.lua")
	require.NoError(t, os.WriteFile(own, []byte(`
function process_message()
    inject_message{Type = "metric", Fields = {name = "own", value = #read_message("Payload")}}
    return 0
end`), 0o600))
	for file, want := range map[string]string{
		"collectd.lua": "cpu_idle,cpu_number=3,hostname=n1 value=42 ",
		"/usr/share/lma_collector/decoders/collectd.lua": "cpu_idle,cpu_number=3,hostname=n1 value=42 ",
		own: "own value=",
	} {
		t.Run(filepath.Base(filepath.Dir(file)), func(t *testing.T) {
			r, url, out := collectdDaemon(t, file)
			defer r.end()
			answer, err := http.Post(url, "application/json", strings.NewReader("["+collectdSample(1, 1)+","))
			require.NoError(t, err)
			require.NoError(t, answer.Body.Close())
			require.Equal(t, 400, answer.StatusCode, "half a post is refused")
			postCollectd(t, url, "["+collectdSample(3, 42)+"]")
			eventuallyHolds(t, out, want)
		})
	}
}

// TestCollectdPostOfAnySize posts as much as the input takes, with a sample that is
// not in order: all others arrive, and the ledger says so.
func TestCollectdPostOfAnySize(t *testing.T) {
	r, url, out := collectdDaemon(t, "collectd.lua")
	list := []string{`{"plugin":5}`}
	for size := 0; size < 8<<20-300; size += len(list[len(list)-1]) + 1 {
		list = append(list, collectdSample(len(list)%900, len(list)))
	}
	postCollectd(t, url, "["+strings.Join(list, ",")+"]")
	eventuallyHolds(t, out, fmt.Sprintf(" value=%d ", len(list)-1))
	data, err := os.ReadFile(out)
	require.NoError(t, err)
	require.Equal(t, len(list)-1, strings.Count(string(data), "\n"))
	_, text := r.get("/api/v1/ledger")
	var ledger selfmon.Snapshot
	require.NoError(t, json.Unmarshal([]byte(text), &ledger))
	require.True(t, ledger.Balanced)
	require.Equal(t, []string{"input", "output"}, []string{ledger.Entries[0].Stage, ledger.Entries[1].Stage})
	require.EqualValues(t, 1, ledger.Entries[0].Accepted)
	require.EqualValues(t, len(list)-1, ledger.Entries[1].Accepted)
	_, text = r.get("/metrics")
	require.Contains(t, text, `tocsin_ledger_accepted_messages_total{stage="input",name="collectd"} 1`)
	require.Contains(t, text, `tocsin_decoder_rejected_total{stream="collectd",decoder="collectd"} 1`)
	r.end()
}

// TestAlarmFilterOfTheOperator: a script that derives metrics is handed all of them,
// though no rule reads what it derives them of.
func TestAlarmFilterOfTheOperator(t *testing.T) {
	own := filepath.Join(t.TempDir(), "mine.lua")
	require.NoError(t, os.WriteFile(own, []byte(`
local afd = require "afd"
function process_message()
    if read_message("Fields[name]") == "cpu_idle" then return afd.add("cpu_busy", 100 - read_message("Fields[value]")) end
    return 0
end
function timer_event() for _, v in ipairs(afd.evaluate()) do afd.inject(v) end end`), 0o600))
	dir, port := t.TempDir(), testserver.Port(t)
	model := strings.NewReplacer("FILE", "collectd.lua", "PORT", fmt.Sprint(port), "DIR", dir, "Type == 'metric'", "Type =~ /afd_metric$/").Replace(collectdModel) + `
  alarm_interval: 50ms
  filter: {afd: {module_file: ` + own + `}}
  trigger: {busy: {description: busy, severity: critical, rules: [{metric: cpu_busy, function: max, relational_operator: '>=', threshold: 90, window: 5}]}}
  alarm: {cpu: {triggers: [busy], dimension: {service: x}}}
`
	r := start(t, daemon.Options{Role: daemon.MetricCollector, Sources: source(model), DataDir: filepath.Join(dir, "data")})
	defer r.end()
	require.Eventually(t, func() bool { // a verdict takes a window of fresh values
		now := fmt.Sprintf(`"time":%d`, time.Now().Unix())
		postCollectd(t, fmt.Sprintf("http://127.0.0.1:%d/", port), "["+strings.ReplaceAll(collectdSample(1, 4), `"time":1741773600.000`, now)+"]")
		data, _ := os.ReadFile(filepath.Join(dir, "out"))
		return strings.Contains(string(data), "value=3 ")
	}, time.Minute, 200*time.Millisecond)
}

func collectdDaemon(t *testing.T, file string) (r *running, url, out string) {
	t.Helper()
	dir, port := t.TempDir(), testserver.Port(t)
	model := strings.NewReplacer("FILE", file, "PORT", fmt.Sprint(port), "DIR", dir).Replace(collectdModel)
	r = start(t, daemon.Options{Role: daemon.MetricCollector, Sources: source(model), DataDir: filepath.Join(dir, "data")})
	return r, fmt.Sprintf("http://127.0.0.1:%d/", port), filepath.Join(dir, "out")
}

func postCollectd(t *testing.T, url, body string) {
	t.Helper()
	answer, err := http.Post(url, "application/json", strings.NewReader(body))
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	require.Equal(t, 200, answer.StatusCode)
}
