package web_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/pkg/gse"
	"github.com/tocsin-lma/tocsin/pkg/health"
	"github.com/tocsin-lma/tocsin/pkg/silence"
)

func TestSilencesAreShown(t *testing.T) {
	s := newSite(t)
	require.Contains(t, s.page("/silences"), "Nothing is silenced")
	s.cluster("nova", health.Down)
	s.cluster("cinder", health.Down)
	s.member("ctl01", "cpu", health.Warn)
	s.member("ctl02", "cpu", health.Warn)
	s.beat("ctl01", "metric_collector")
	s.evidence["nova"] = gse.Evidence{Cluster: "nova", GroupBy: "hostname", Status: health.Down, Groups: []gse.GroupEvidence{
		{Key: "ctl01", Status: health.Warn, Facts: []gse.FactEvidence{{Host: "ctl01", Member: "cpu", Status: health.Warn}}},
		{Key: "ctl02", Status: health.Warn, Facts: []gse.FactEvidence{{Host: "ctl02", Member: "cpu", Status: health.Warn}}},
	}}
	until := start().Add(time.Hour)
	s.silenced = []silence.Silence{
		{ID: "1", Cluster: "nov*", Until: until, Reason: "<upgrade>", Author: "ann"},
		{ID: "2", Host: "ctl01", Until: until, Reason: "new fan", Author: "bob"},
		{ID: "3", Cluster: "nova", Until: until.Add(-time.Minute), Reason: "shorter", Author: "ann"},
	}
	overview := text(s.page("/"))
	require.Contains(t, overview, "nova ▼ DOWN silenced", "it is shown as bad as it is")
	require.NotContains(t, overview, "cinder ▼ DOWN silenced")
	page := s.page("/clusters/nova")
	require.Contains(t, text(page), "Alerts nobody until 2026-03-01T13:00:00Z : <upgrade> (ann)")
	require.Contains(t, page, "&lt;upgrade&gt;")
	require.Contains(t, text(page), "ctl01 1 of 1 report not OKAY ! WARN cpu for 0s , reported 0s ago silenced")
	require.Equal(t, 1, strings.Count(page, "tag silenced"), "the other host is not silenced")
	require.Contains(t, text(s.page("/nodes/ctl01")), "new fan")
	require.NotContains(t, text(s.page("/nodes/ctl02")), "Alerts nobody")
	list := text(s.page("/silences"))
	require.Contains(t, list, "cluster nov* 2026-03-01T13:00:00Z <upgrade> ann 1")
	require.Contains(t, list, "on ctl01 2026-03-01T13:00:00Z new fan bob 2")
}
