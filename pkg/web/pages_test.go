package web_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/pkg/gse"
	"github.com/tocsin-lma/tocsin/pkg/health"
	"github.com/tocsin-lma/tocsin/pkg/web"
)

// text is what a reader sees of HTML.
func text(html string) string {
	markup, spaces := regexp.MustCompile(`<[^>]*>`), regexp.MustCompile(`\s+`)
	plain := strings.NewReplacer("&#34;", `"`, "&#39;", "'", "&gt;", ">", "&lt;", "<", "&amp;", "&").Replace(markup.ReplaceAllString(html, " "))
	return spaces.ReplaceAllString(plain, " ")
}

func TestTheStartIsCalm(t *testing.T) {
	s := newSite(t)
	s.cluster("linux", health.Unknown, never("cpu"), never("load"), never("memory"), never("swap"), never("fs"))
	s.cluster("collectors", health.Okay)
	body := text(s.page("/"))
	require.Contains(t, body, "Starting: 1 cluster waits for first reports")
	require.Contains(t, body, "Waiting for the first report of cpu, load, memory and 2 more")
	require.NotContains(t, body, "ever received", "ten alarms that say the same are one line")
	require.NotContains(t, body, "attention")
	require.NotContains(t, body, "-1")

	s.cluster("linux", health.Unknown, never("load"), alarm("UNKNOWN", "broken rule", "ctl01"))
	require.Contains(t, text(s.page("/")), "1 of 2 clusters needs attention", "what is more than waiting is said")
}

func TestTheWorstClusterComesFirst(t *testing.T) {
	s := newSite(t)
	s.cluster("a", health.Okay)
	s.cluster("b", health.Warn, alarm("WARN", "slow", "ctl01"))
	s.cluster("c", health.Unknown)
	s.cluster("d", health.Down, alarm("DOWN", "gone", "ctl02"))
	body := s.page("/")
	var order []string
	for _, m := range regexp.MustCompile(`data-cluster="(\w)" data-status="(\w+)"`).FindAllStringSubmatch(body, -1) {
		order = append(order, m[1]+" "+m[2])
	}
	require.Equal(t, []string{"d down", "b warning", "c unknown", "a okay"}, order)
	require.Contains(t, body, "<title>(DOWN) Overview · Tocsin</title>")
	require.Contains(t, text(body), "3 of 4 clusters need attention")
	require.Contains(t, text(body), "gone 7.25 on ctl02")
	require.NotContains(t, s.page("/?part"), "<html", "the script gets the inside only")
	require.Contains(t, s.page("/?part"), `<template id="title">(DOWN) Overview`)
}

func TestAnOldVerdictIsNotShownAsWell(t *testing.T) {
	s := newSite(t)
	s.cluster("nova", health.Okay)
	s.cluster("gone", health.Okay)
	s.evidence["nova"] = gse.Evidence{Cluster: "nova"}
	s.now = s.now.Add(24 * time.Second)
	require.Contains(t, text(s.page("/")), "nova ✓ OKAY for 24s", "two verdicts may be late")
	s.now = s.now.Add(5 * time.Second)
	body := text(s.page("/"))
	require.Contains(t, body, "1 of 1 cluster needs attention")
	require.Contains(t, body, "nova ? UNKNOWN for 29s · no verdict for 29s", "silence is no health after 30 s")
	require.NotContains(t, body, "gone ?", "a cluster that the model no longer has goes away")
	var clusters []map[string]any
	s.json("/api/v1/clusters", &clusters)
	require.Len(t, clusters, 1)
	require.Equal(t, "unknown", clusters[0]["status"], "tools are told the same")
}

func TestAClusterThatSpeaksRarelyIsGivenItsTime(t *testing.T) {
	s := newSite(t)
	s.cluster("nova", health.Okay)
	s.evidence["nova"], s.interval = gse.Evidence{Cluster: "nova"}, time.Minute
	s.now = s.now.Add(70 * time.Second)
	require.Contains(t, text(s.page("/")), "nova ✓ OKAY")
	s.now = s.now.Add(10 * time.Second)
	require.Contains(t, text(s.page("/")), "nova ? UNKNOWN")
}

// stale is what the evaluator says of a member that fell silent.
const stale = `{"severity":"UNKNOWN","function":"age","metric":"status","fields":{},"operator":">=","value":21.070797853,"threshold":20,"window":20,"periods":1,"message":"No status of cpu from ctl01 for 21.070797853 seconds","hostname":"ctl01","tags":{"dependency_name":"cpu","dependency_level":"direct"}}`

func TestSpansAreRoundedForPeople(t *testing.T) {
	s := newSite(t)
	s.cluster("nova", health.Unknown, stale)
	for _, path := range []string{"/", "/clusters/nova", "/events"} {
		body := text(s.page(path))
		require.Contains(t, body, "cpu has been silent for 21s", path)
		require.NotContains(t, body, "070797853", path)
	}
	require.Equal(t, "cpu has been silent for 21s on ctl01", web.Why([]json.RawMessage{json.RawMessage(stale)}))
	for d, want := range map[time.Duration]string{
		-time.Second: "0s", 59 * time.Second: "59s", 61 * time.Second: "1m 1s", 3 * time.Hour: "3h 0m", 49*time.Hour + time.Minute: "2d 1h",
	} {
		require.Equal(t, want, web.Span(d))
	}
}

func raw(alarms ...string) (out []json.RawMessage) {
	for _, a := range alarms {
		out = append(out, json.RawMessage(a))
	}
	return out
}

func TestWhyIsOneLine(t *testing.T) {
	for name, c := range map[string]struct {
		alarms []json.RawMessage
		want   string
	}{
		"nothing":             {nil, ""},
		"one":                 {raw(alarm("WARN", "slow", "")), "slow (7.25)"},
		"the worst":           {raw(alarm("WARN", "slow", "a"), alarm("DOWN", "gone", "b"), never("x")), "gone (7.25) on b and 2 more"},
		"the same in a label": {raw(alarm("WARN", "slow", "a"), alarm("WARN", "slow", "a")), "slow (7.25) on a"},
		"silent":              {raw(stale, strings.Replace(stale, `"cpu"`, `"disk"`, 1), strings.Replace(stale, `"cpu"`, `"load"`, 1), strings.Replace(stale, `"cpu"`, `"fs"`, 1)), "cpu, disk and 2 more have been silent for 21s on ctl01"},
		"waiting":             {raw(never("x"), never("y")), "Waiting for the first report of x and y"},
		"not JSON":            {raw(`oops`), "No description"},
		"no object":           {raw(`"oops"`), "oops"},
	} {
		require.Equal(t, c.want, web.Why(c.alarms), name)
	}
}

// broken tells the site of a cluster with a failing member, and of its evidence.
func broken(s *site) {
	for i, value := range []string{"5", "6", "7.25"} {
		s.now = start().Add(time.Duration(i) * 10 * time.Second)
		a := strings.Replace(alarm("CRITICAL", "too busy", "ctl01"), "7.25", value, 1)
		s.member("ctl01", "cpu", health.Critical, a)
		s.member("ctl01", "disk", health.Okay)
		s.cluster("nova", health.Critical, a)
	}
	s.cluster("mysql", health.Down, alarm("DOWN", "no primary", "dbs01"))
	s.beat("ctl01", "metric_collector")
	s.evidence["nova"] = gse.Evidence{
		Cluster: "nova", At: s.now, Status: health.Critical, Strict: true, GroupBy: "hostname", Name: "majority", Entry: 0, Hints: []string{"mysql"}, Unseen: []string{"swap"},
		Policy: gse.Policy{{Status: health.Critical, Rules: []gse.PolicyRule{{Percent: true, Arguments: []health.Status{health.Down, health.Critical}, Operator: ">=", Threshold: 50}}}},
		Groups: []gse.GroupEvidence{
			{Key: "ctl02", Status: health.Okay, Facts: []gse.FactEvidence{{Host: "ctl02", Member: "cpu", Status: health.Okay, Age: time.Second}}},
			{Key: "ctl01", Status: health.Critical, Facts: []gse.FactEvidence{
				{Host: "ctl01", Member: "disk", Status: health.Okay},
				{Host: "ctl01", Member: "memory", Status: health.Unknown, Stale: true, Age: 83 * time.Second, Alarms: raw(alarm("WARN", "what it said before", "ctl01"))},
				{Host: "ctl01", Member: "cpu", Status: health.Critical, Alarms: raw(alarm("CRITICAL", "too busy", "ctl01", `,"log_lines":["cpu0 is hot","<b>"]`))},
			}},
		},
	}
}

func TestAClustersPageIsATreeOfReasons(t *testing.T) {
	s := newSite(t)
	broken(s)
	html := s.page("/clusters/nova")
	body := text(html)
	last := -1
	for _, want := range []string{
		"Policy majority decided ✕ CRITICAL : at least 50 % of the groups are DOWN or CRITICAL.", "Grouped by hostname, strict evaluation.",
		"ctl01 2 of 3 reports not OKAY", "cpu for 20s , reported 0s ago", "too busy", `avg(load[cpu="all"]) > 4 is 7.25`, "cpu0 is hot <b>",
		"memory silent for 1m 23s", "✓ OKAY disk", "ctl02 1 report, all OKAY", "for the first report of swap", "hint ▼ DOWN mysql", "no primary", "Events 20s ago", "nova too busy",
	} {
		at := strings.Index(body, want)
		require.Greater(t, at, last, "%q, in this order, in: %s", want, body)
		last = at
	}
	require.NotContains(t, body, "what it said before", "a silent member proves nothing")
	require.Contains(t, html, `aria-label="3 values of the last verdicts over 20s, from 5 to 7.25"`)
	require.Contains(t, html, `<polyline points="4.0,19.2 60.0,12.5 116.0,4.0"/>`)
	require.Contains(t, html, `<line class="limit" x1="0" x2="120" y1="26.0" y2="26.0"/>`)
}

func TestSamplesOfTheWindowComeBeforeTheTrail(t *testing.T) {
	s := newSite(t)
	broken(s)
	ev := s.evidence["nova"]
	ev.Groups[1].Facts[2].Alarms = raw(alarm("CRITICAL", "too busy", "ctl01", `,"samples":[{"time":100,"value":1},{"time":110,"value":9},{"time":160,"value":8}]`))
	require.Contains(t, s.page("/clusters/nova"), `aria-label="3 samples of the window over 1m 0s, from 1 to 9"`)
	for _, samples := range []string{`[]`, `[{"time":1,"value":1}]`, `"none"`, `[{"time":1,"value":1},{"time":1,"value":2}]`} {
		ev.Groups[1].Facts[2].Alarms = raw(strings.Replace(alarm("CRITICAL", "too busy", "ctl09", `,"samples":`+samples), "cpu", "gpu", 1))
		s.page("/clusters/nova") // whatever it says, it can be shown
	}
}

func TestANodesPageShowsItsAlarms(t *testing.T) {
	s := newSite(t)
	broken(s)
	body := text(s.page("/nodes/ctl01"))
	for _, want := range []string{"ctl01 ✕ CRITICAL", "Heard 0s ago.", "metric_collector 0s", "version 1.2.3", "too busy", "is 7.25", "✓ OKAY disk", "cpu on ctl01"} {
		require.Contains(t, body, want)
	}
	s.now = s.now.Add(time.Minute)
	body = text(s.page("/nodes/ctl01"))
	require.Contains(t, body, "Silent for 1m 0s .")
	require.Contains(t, body, "disk silent for 1m 0s", "what is old is not shown as well")
	body = text(s.page("/nodes"))
	require.Contains(t, body, "silent for 1m 0s")
	require.Contains(t, body, "2 of 2 alarms", "an old OKAY is none")
}

func TestNodesAreBoundedAndCanBeFiltered(t *testing.T) {
	s := newSite(t)
	for i := range 600 {
		s.beat(fmt.Sprintf("cmp%03d", i), "metric_collector")
	}
	s.cluster("nova", health.Okay)
	require.Contains(t, text(s.page("/nodes")), "100 more; filter by name to see them.")
	require.Equal(t, 15, strings.Count(s.page("/nodes?name=00"), "data-item"), "cmp000 to cmp009, cmp100, cmp200 and so on")
	require.Contains(t, text(s.page("/nodes?name=xyz")), "No node's name holds “xyz”.")
	require.Contains(t, text(s.page("/")), "588 more nodes")
}

func TestTheAPIHasStableShapes(t *testing.T) {
	s := newSite(t)
	broken(s)
	var clusters []map[string]any
	s.json("/api/v1/clusters", &clusters)
	require.Equal(t, "mysql", clusters[0]["name"])
	require.Equal(t, "down", clusters[0]["status"])
	for _, key := range []string{"since", "at", "top", "dimensions", "alarms"} {
		require.Contains(t, clusters[0], key)
	}
	var members []map[string]any
	s.json("/api/v1/members?host=ctl01", &members)
	require.Len(t, members, 2)
	require.Equal(t, []any{}, members[1]["alarms"], "no alarms are an empty list")
	require.Len(t, members[0]["values"], 3)
	s.json("/api/v1/members?host=none", &members)
	require.NotNil(t, members)
	require.Empty(t, members)
	var nodes []map[string]any
	s.json("/api/v1/nodes", &nodes)
	require.Equal(t, "ctl01", nodes[0]["host"])
	var events []map[string]any
	s.json("/api/v1/events?kind=cluster&order=oldest&limit=1", &events)
	require.Len(t, events, 1)
	require.Equal(t, "nova", events[0]["name"])
	var why map[string]any
	s.json("/api/v1/explain/nova", &why)
	require.Equal(t, "critical", why["evidence"].(map[string]any)["status"])
	s.json("/api/v1/explain/nova?at="+fmt.Sprint(start().Unix()+5), &why)
	require.Equal(t, "nova", why["event"].(map[string]any)["name"])
	code, _ := s.get("/api/v1/explain/nova?at=" + fmt.Sprint(start().Unix()-5))
	require.Equal(t, http.StatusNotFound, code)
}
