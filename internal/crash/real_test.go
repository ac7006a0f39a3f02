package crash_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"

	"github.com/tocsin-lma/tocsin/internal/crash"
	"github.com/tocsin-lma/tocsin/internal/testserver"
)

var realRounds = flag.Int("real", 10, "rounds against each real server")

// realServer is a database that was started by scripts/servers.
type realServer struct {
	name, script, about string
	line                func(n int) string
	output              string // {link} and {run} are replaced
	// stored returns the numbers of all records in it, each as often as it is there.
	stored func(t *testing.T, server, run string) []int
}

// realScenarios kill a real database too.
func realScenarios() []realServer {
	return []realServer{
		{
			name: "ELASTICSEARCH", script: "elasticsearch", about: "log collector → a real Elasticsearch 7.17",
			output: "\n  encoder:\n    es: {engine: elasticsearch, index: '{run}'}\n  output:" +
				strings.Replace(elastic("link", logs), "engine: elasticsearch", "engine: elasticsearch\n      encoder: es", 1),
			stored: elasticNumbers,
		},
		{
			name: "INFLUXDB", script: "influxdb", about: "log collector → a real InfluxDB 1.8", line: point,
			output: raw + "\n  output:" + strings.Replace(influx("influxdb", "link", logs, useRaw), "database: crash", "precision: ns\n      database: '{run}'", 1),
			stored: influxNumbers,
		},
	}
}

// TestRealRounds breaks things between the collector and a real database, and the
// database itself, and asks it for all that it has.
func TestRealRounds(t *testing.T) {
	for _, s := range realScenarios() {
		t.Run(strings.ToLower(s.name), func(t *testing.T) {
			server := testserver.URL(t, s.name)
			r := newRealRun(t, s, server)
			t.Logf("seed %d", *seed)
			var all []crash.Round
			for n := range *realRounds {
				round := r.round(t, n)
				all = append(all, round)
				if *record != "" {
					r.write(t, round)
				}
				require.True(t, round.OK(), "%+v\nthe collector said: %s", round, output(r.proc))
			}
			var text strings.Builder
			require.NoError(t, crash.Section(&text, s.about, all))
			t.Log(text.String())
		})
	}
}

type realRun struct {
	spec              realServer
	server, id, admin string
	rng               *rand.Rand
	feed              *crash.Feed
	link              *crash.Link
	proc              *crash.Process
	kills             int
}

func newRealRun(t *testing.T, s realServer, server string) *realRun {
	t.Helper()
	dir := t.TempDir()
	r := &realRun{spec: s, server: server, id: fmt.Sprintf("crash-%d", *seed), admin: testserver.Address(t), rng: rand.New(rand.NewPCG(*seed, 2))}
	at, err := url.Parse(server)
	require.NoError(t, err)
	r.link, err = crash.NewLink("127.0.0.1:0", at.Host)
	require.NoError(t, err)
	t.Cleanup(r.link.Close)
	r.feed, err = crash.NewFeed(filepath.Join(dir, "logs"), "app.log", s.line)
	require.NoError(t, err)
	t.Cleanup(r.feed.Close)
	text := strings.NewReplacer("{logs}", filepath.Join(dir, "logs"), "{link}", r.link.Address(), "{run}", r.id).
		Replace("log_collector:\n  input:" + files + s.output)
	config := filepath.Join(dir, "config.yml")
	require.NoError(t, os.WriteFile(config, []byte(text), 0o600))
	r.proc = &crash.Process{
		Command: []string{filepath.Join(daemons(t), "logcollector"), "--no-defaults", "--config", config, "--data-dir", filepath.Join(dir, "data"), "--admin", r.admin},
		Output:  filepath.Join(dir, "output.txt"),
	}
	require.NoError(t, r.proc.Start())
	t.Cleanup(r.proc.Kill)
	return r
}

// faults are what a round may have. The server is killed in every tenth only: it
// takes its time to come back.
func (r *realRun) faults(t *testing.T) map[string]func(d time.Duration) {
	kill := func(time.Duration) { r.kills++; require.NoError(t, r.proc.KillAndStart()) }
	return map[string]func(d time.Duration){
		"kill":       kill,
		"kill twice": func(d time.Duration) { kill(d); kill(d) },
		"pause":      r.proc.Pause,
		"terminate":  func(time.Duration) { require.NoError(t, r.proc.Terminate()) },
		"rotate":     func(time.Duration) { r.feed.Rotate() },
		"link drops": func(time.Duration) { r.link.Drop() },
		"link stalls, kill": func(d time.Duration) {
			go r.link.Stall(d)
			time.Sleep(d / 2)
			kill(d)
			time.Sleep(d)
		},
		"link restarts": func(d time.Duration) { require.NoError(t, r.link.Restart(d)) },
	}
}

func (r *realRun) round(t *testing.T, n int) crash.Round {
	t.Helper()
	round := crash.Round{Round: n, Seed: *seed, Records: *records, Repeated: -1}
	kills, began := r.kills, time.Now()
	fed := make(chan error, 1)
	go func() { fed <- r.feed.Write(t.Context(), *records, 600*time.Millisecond) }()
	names := []string{"kill", "kill twice", "pause", "terminate", "rotate", "link drops", "link stalls, kill", "link restarts"}
	faults := r.faults(t)
	for range 1 + r.rng.IntN(3) {
		name := names[r.rng.IntN(len(names))]
		round.Faults = append(round.Faults, name)
		time.Sleep(time.Duration(r.rng.IntN(200)) * time.Millisecond)
		faults[name](time.Duration(20+r.rng.IntN(300)) * time.Millisecond)
	}
	if n%10 == 4 {
		round.Faults = append(round.Faults, "server killed")
		testserver.Crash(t, r.spec.script)
		testserver.Start(t, r.spec.script)
	}
	require.NoError(t, <-fed)
	for deadline := time.Now().Add(*patience); ; time.Sleep(50 * time.Millisecond) {
		require.NoError(t, r.proc.Revive())
		round.Ledger = r.ledger(t, &round)
		if round.Ledger == crash.Equal || time.Now().After(deadline) {
			break
		}
	}
	round.Seconds, round.Kills, round.PeakMiB = time.Since(began).Seconds(), r.kills-kills, r.proc.PeakMiB()
	times := make([]int, r.feed.Written())
	for _, number := range r.spec.stored(t, r.server, r.id) {
		require.Less(t, number, len(times), "nobody wrote that")
		times[number]++
		round.Stored++
	}
	for _, n := range times {
		switch n {
		case 0:
			round.Lost++
		case 1:
		default:
			round.Doubled += n - 1
		}
	}
	return round
}

// ledger holds the collector's account against what was written.
func (r *realRun) ledger(t *testing.T, round *crash.Round) string {
	t.Helper()
	accounts, err := crash.AskLedger(t.Context(), r.admin)
	if err != nil {
		return err.Error()
	}
	a := accounts[r.spec.script]
	round.Delivered, round.Again = a.Delivered, a.Repeated
	if w := r.feed.Written(); a.Accepted != w || a.Delivered != w || a.Queued > 0 || len(a.Dropped) > 0 || a.DeadLettered > 0 {
		return fmt.Sprintf("written %d, %+v", w, a)
	}
	return crash.Equal
}

func (r *realRun) write(t *testing.T, round crash.Round) {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(*record, "real-"+r.spec.script+".jsonl"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	require.NoError(t, err)
	defer f.Close()
	require.NoError(t, json.NewEncoder(f).Encode(round))
}

func askServer(t *testing.T, method, url, body string) gjson.Result {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Less(t, resp.StatusCode, 300, "%s %s: %s", method, url, bytes.TrimSpace(answer))
	return gjson.ParseBytes(answer)
}

// elasticNumbers reads all documents of an index.
func elasticNumbers(t *testing.T, server, run string) (numbers []int) {
	t.Helper()
	askServer(t, http.MethodPost, server+"/"+run+"/_refresh", "")
	page := askServer(t, http.MethodPost, server+"/"+run+"/_search?scroll=1m", `{"size":10000,"_source":["Payload"],"sort":["_doc"]}`)
	number := regexp.MustCompile(`seq=(\d+)`)
	for {
		hits := page.Get("hits.hits").Array()
		if len(hits) == 0 {
			return numbers
		}
		for _, hit := range hits {
			found := number.FindStringSubmatch(hit.Get("_source.Payload").String())
			require.NotNil(t, found, hit.Raw)
			n, err := strconv.Atoi(found[1])
			require.NoError(t, err)
			numbers = append(numbers, n)
		}
		page = askServer(t, http.MethodPost, server+"/_search/scroll", fmt.Sprintf(`{"scroll":"1m","scroll_id":%q}`, page.Get("_scroll_id").String()))
	}
}

// influxNumbers reads all points of a database.
func influxNumbers(t *testing.T, server, run string) (numbers []int) {
	t.Helper()
	answer := askServer(t, http.MethodGet, server+"/query?chunked=false&db="+run+"&q="+url.QueryEscape(`SELECT "seq" FROM "requests"`), "")
	for _, row := range answer.Get("results.0.series.0.values").Array() {
		numbers = append(numbers, int(row.Get("1").Int()))
	}
	return numbers
}
