package web_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/pkg/gse"
	"github.com/tocsin-lma/tocsin/pkg/health"
	"github.com/tocsin-lma/tocsin/pkg/store"
)

// fed is the evidence of a cluster whose members are as named, on no host.
func fed(name string, status health.Status, members ...string) gse.Evidence {
	ev := gse.Evidence{Cluster: name, Status: status, GroupBy: "member", Name: "p", Entry: -1}
	for _, m := range members {
		ev.Groups = append(ev.Groups, gse.GroupEvidence{Key: m, Status: status, Facts: []gse.FactEvidence{{Member: m, Status: status}}})
	}
	return ev
}

// explained is what the API answers.
type explained struct {
	Cluster  string
	Evidence *gse.Evidence
	Clusters map[string]*gse.Evidence
	Event    *store.Event
}

func TestAnExplanationDescendsThroughClusters(t *testing.T) {
	s := newSite(t)
	for _, ev := range []gse.Evidence{
		fed("top", health.Down, "api", "cpu"), fed("api", health.Down, "endpoint", "nodes"), fed("nodes", health.Warn, "load", "top"), fed("cpu alone", health.Okay),
	} {
		s.evidence[ev.Cluster] = ev
	}
	var e explained
	s.json("/api/v1/explain/top", &e)
	require.Equal(t, "top", e.Evidence.Cluster)
	require.Len(t, e.Clusters, 2, "members that are no clusters, and the cluster itself, are left out")
	require.Equal(t, health.Down, e.Clusters["api"].Status)
	require.Equal(t, health.Warn, e.Clusters["nodes"].Status, "clusters below clusters are there too")
	page := text(s.page("/clusters/top"))
	require.Regexp(t, `api .*the cluster api Policy p decided .*the cluster nodes Policy p decided .*load`, page, "the page shows them below each other")
	require.Contains(t, s.page("/clusters/top"), `<a href="/clusters/nodes">`)
}

func TestAnExplanationOfThenIsWhatWasThen(t *testing.T) {
	s := newSite(t)
	keep := func(after time.Duration, ev gse.Evidence) {
		ev.At = start().Add(after)
		s.state.Keep(ev)
	}
	keep(0, fed("top", health.Okay, "api"))
	keep(0, fed("api", health.Okay, "endpoint"))
	keep(time.Hour, fed("top", health.Down, "api"))
	keep(time.Hour, fed("api", health.Down, "endpoint"))
	s.evidence["top"] = fed("top", health.Okay, "other")
	s.now = start().Add(time.Hour)
	s.cluster("top", health.Down, alarm("DOWN", "no answer", ""))
	for after, want := range map[string]health.Status{"2026-03-01T12:30:00Z": health.Okay, "2026-03-01T13:00:00Z": health.Down, "2026-03-01T23:00:00Z": health.Down} {
		var e explained
		s.json("/api/v1/explain/top?at="+after, &e)
		require.Equal(t, want, e.Evidence.Status, after)
		require.Equal(t, want, e.Clusters["api"].Status, after)
		require.Equal(t, want == health.Down, e.Event != nil, after)
	}
	code, body := s.get("/api/v1/explain/top?at=2026-03-01T11:00:00Z")
	require.Equal(t, http.StatusNotFound, code, body)
	page := text(s.page("/clusters/top?at=2026-03-01T13:10:00Z"))
	require.Contains(t, page, "as it was at 2026-03-01T13:10:00Z")
	require.Contains(t, page, "api")
	require.Contains(t, s.page("/events"), `href="/clusters/top?at=`, "an event leads to the tree of its time")
	code, _ = s.get("/clusters/top?at=noon")
	require.Equal(t, http.StatusBadRequest, code)
	code, _ = s.get("/clusters/none?at=2026-03-01T13:10:00Z")
	require.Equal(t, http.StatusNotFound, code)
}
