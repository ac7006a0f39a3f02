package gse_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/pkg/gse"
	"github.com/tocsin-lma/tocsin/pkg/health"
)

func recording(t testing.TB, yaml string) (*gse.Engine, *[]gse.Evidence) {
	var kept []gse.Evidence
	return gse.NewEngine(load(t, yaml), gse.Options{Record: func(ev gse.Evidence) { kept = append(kept, ev) }}, nil), &kept
}

func TestEvidenceIsRecordedWhenStatusesMove(t *testing.T) {
	e, kept := recording(t, hostModel("highest_severity"))
	statuses := func() (out []string) {
		for _, ev := range *kept {
			out = append(out, fmt.Sprint(ev.At.Unix()-epoch, " ", ev.Status))
		}
		return out
	}
	run := func(from, to int, a1, a2 health.Status) {
		for at := from; at <= to; at++ {
			if at%10 == 0 {
				for _, host := range []string{"h1", "h2"} {
					send(t, e, fact("b", host, health.Okay, at), at)
				}
				send(t, e, fact("a", "h1", a1, at), at)
				send(t, e, fact("a", "h2", a2, at), at)
			}
			tick(t, e, at)
		}
	}
	run(0, 99, health.Okay, health.Okay)
	require.Equal(t, []string{"1 okay"}, statuses(), "an unchanged OKAY is told once")
	run(100, 199, health.Critical, health.Okay)
	require.Equal(t, []string{"1 okay", "101 critical"}, statuses())
	run(200, 299, health.Critical, health.Warn)
	require.Equal(t, []string{"1 okay", "101 critical", "201 critical"}, statuses(), "the cluster is as bad as before, for another reason")
	run(300, 799, health.Critical, health.Warn)
	require.Equal(t, []string{"501 critical"}, statuses()[3:], "samples move while statuses stay")
	run(800, 900, health.Okay, health.Okay)
	require.Equal(t, []string{"801 okay"}, statuses()[4:])
	bad := (*kept)[2]
	require.Equal(t, health.Critical, bad.Reevaluate())
	require.Equal(t, "h2", bad.Groups[1].Key)
	require.Contains(t, string(bad.Groups[1].Facts[0].Alarms[0]), "a is bad")
	d, ok := e.Interval("c")
	require.True(t, ok)
	require.Equal(t, 10*time.Second, d)
	_, ok = e.Interval("none")
	require.False(t, ok)
}

// However much is left out, what is printed re-evaluates to the same status,
// for every policy, strict and compatible.
func TestTrimmedEvidenceReevaluatesToTheSameStatus(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	seen := map[health.Status]int{}
	for _, policy := range []string{"highest_severity", "availability_of_members", "status_of_members", "majority_of_node_members"} {
		for _, evaluation := range []string{"strict", "compatible"} {
			for range 20 {
				e := engine(t, strings.Replace(hostModel(policy), "aggregator: {", "aggregator: {evaluation: "+evaluation+", ", 1))
				hosts, bad := 1+random.IntN(12), random.IntN(3)
				for h := range hosts {
					for _, member := range []string{"a", "b"} {
						status := health.Okay
						if random.IntN(3) < bad {
							status = health.Status(random.IntN(5))
						}
						send(t, e, fact(member, fmt.Sprint("h", h), status, random.IntN(70)), 70)
					}
				}
				tick(t, e, 69)
				ev, ok := e.Explain("c", clock(70))
				require.True(t, ok)
				want := ev.Status
				ev.Trim(random.IntN(6), random.IntN(300))
				data, err := json.Marshal(ev)
				require.NoError(t, err)
				var back gse.Evidence
				require.NoError(t, json.Unmarshal(data, &back))
				require.Equal(t, want, back.Reevaluate(), "%s %s: %s", policy, evaluation, data)
				seen[want]++
			}
		}
	}
	for _, s := range health.All() {
		require.Positive(t, seen[s], s)
	}
}

func TestTrimKeepsWhatIsWrong(t *testing.T) {
	e := engine(t, hostModel("highest_severity"))
	for h := range 50 {
		status := health.Okay
		if h%10 == 7 {
			status = health.Warn
		}
		send(t, e, fact("a", fmt.Sprintf("h%02d", h), status, 0), 0)
	}
	ev, _ := e.Explain("c", clock(1))
	whole := len(ev.Groups)
	ev.Trim(10, 1<<20)
	var names []string
	for _, g := range ev.Groups {
		names = append(names, g.Key)
	}
	require.Equal(t, []string{"h07", "h17", "h27", "h37", "h47"}, names)
	require.Equal(t, []gse.RestEvidence{{Status: health.Okay, Groups: whole - 5, Heard: true}}, ev.Rest)
	ev.Trim(10, len(ev.Groups[0].Facts[0].Alarms[0])*2)
	require.True(t, slices.IsSortedFunc(ev.Groups, func(a, b gse.GroupEvidence) int { return len(b.Facts[0].Alarms) - len(a.Facts[0].Alarms) }))
	require.Equal(t, 1, ev.Groups[4].Facts[0].More)
	require.Empty(t, ev.Groups[4].Facts[0].Alarms)
}

// A verdict about very many bad hosts fits, and its first alarms are whole.
func TestAClustersVerdictIsBounded(t *testing.T) {
	e := engine(t, hostModel("highest_severity"))
	tick(t, e, 0)
	for h := range 150 {
		m := fact("a", fmt.Sprintf("h%03d", h), health.Critical, 0)
		m.Payload = `{"alarms":[{"message":"` + strings.Repeat("x", 500) + `","severity":"CRITICAL","fields":{},"tags":{},"samples":[{"time":1,"value":` + strings.Repeat("1", 2000) + `}],"log_lines":["a"]}]}`
		send(t, e, m, 0)
	}
	v := tick(t, e, 1)
	require.Less(t, len(v["c"].Payload), 63<<10)
	list := v.get("c", "alarms").Array()
	require.True(t, list[0].Get("log_lines").Exists())
	require.False(t, list[len(list)-1].Get("log_lines").Exists())
	require.False(t, list[len(list)-1].Get("samples").Exists())
	require.EqualValues(t, 151-len(list), e.Stats().AlarmsOmitted, "of the hosts and of member b, which nobody reports")
}
