package gse_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/pkg/gse"
	"github.com/tocsin-lma/tocsin/pkg/health"
	"github.com/tocsin-lma/tocsin/pkg/message"
)

func beat(host, service string, alarms float64, at int) *message.Message {
	m := &message.Message{Type: "heartbeat", Hostname: host, Timestamp: clock(at).UnixNano()}
	m.AddString("service", service)
	m.AddDouble("alarms", alarms, "")
	m.AddDouble("interval", 10, "s")
	return m
}

// sent is a fact that names the host of its sender, as those of collectors do.
func sent(member, host string, status health.Status, at int) *message.Message {
	m := fact(member, host, status, at)
	m.Hostname = host
	return m
}

// whenNot returns when, from the death of h1's collector on, cluster c is not OKAY
// any more. Verdicts and heartbeats come every 10 s, phase apart.
func whenNot(t *testing.T, e *gse.Engine, death, phase int, also func(at int)) int {
	tick(t, e, 0)
	for at := 1; at < death+120; at++ {
		for _, host := range []string{"h1", "h2"} {
			if host == "h1" && at > death {
				continue
			}
			if at%10 == phase {
				send(t, e, beat(host, "metric_collector", 5, at), at)
			}
			if at%10 == (phase+3)%10 {
				send(t, e, sent("a", host, health.Okay, at), at)
			}
		}
		if also != nil {
			also(at)
		}
		if out := tick(t, e, at); out["c"] != nil && at > 20 && out.word("c") != "okay" {
			require.Greater(t, at, death, "while everything is well")
			require.Equal(t, "unknown", out.word("c"))
			require.Equal(t, `["h1"]`, out.get("c", "alarms.#.hostname").Raw)
			require.Contains(t, out.get("c", "alarms.0.message").Str, "No sign of life of the collector on h1 for ")
			return at - death
		}
	}
	return -1
}

// TestADeadCollectorIsNoticedWithin30s is the first promise, whenever it dies.
func TestADeadCollectorIsNoticedWithin30s(t *testing.T) {
	for phase := range 10 {
		for death := 41; death < 51; death++ {
			took := whenNot(t, engine(t, oneMember), death, phase, nil)
			require.True(t, took > 0 && took <= 30, "phase %d, dead at %d: noticed after %d s", phase, death, took)
		}
	}
}

const oneMember = "aggregator: {alarm_cluster: {c: {policy: highest_severity, group_by: hostname, match: {service: web}, members: [a], warm_up_period: 0}}}"

func TestWhatIsNoSignOfLife(t *testing.T) {
	log := func(e *gse.Engine) func(int) {
		return func(at int) {
			if at%10 == 1 {
				send(t, e, beat("h1", "log_collector", 0, at), at)
			}
		}
	}
	e := engine(t, oneMember)
	took := whenNot(t, e, 45, 2, log(e))
	require.True(t, took > 0 && took <= 30, "another daemon of the host without alarms lives on: noticed after %d s", took)

	e = engine(t, oneMember)
	require.Equal(t, -1, whenNot(t, e, 45, 2, func(at int) {
		m := fact("a", "h1", health.Okay, at)
		m.Hostname = "mon01"
		send(t, e, m, at)
	}), "another collector judges the host, and is alive")
}

func TestSilenceDoubtsOnlyWhatWasWell(t *testing.T) {
	e := engine(t, oneMember)
	tick(t, e, 0)
	send(t, e, beat("h1", "metric_collector", 5, 1), 1)
	send(t, e, sent("a", "h1", health.Critical, 1), 1)
	tick(t, e, 1)
	require.Equal(t, "critical", tick(t, e, 51).word("c"), "a red stays red")
	require.Equal(t, "unknown", tick(t, e, 61).word("c"), "as long as member_ttl says")

	e = engine(t, oneMember)
	tick(t, e, 0)
	send(t, e, sent("a", "h1", health.Okay, 1), 1)
	tick(t, e, 1)
	require.Equal(t, "okay", tick(t, e, 51).word("c"), "who never sent a heartbeat has member_ttl alone")

	e = engine(t, oneMember)
	tick(t, e, 0)
	send(t, e, beat("h1", "metric_collector", 5, 1), 1)
	for at := 1; at < 60; at += 10 {
		send(t, e, sent("a", "h1", health.Okay, at), at)
		require.Equal(t, "okay", tick(t, e, at).word("c"), "its own verdicts are signs of life as well")
	}
	ev, ok := e.Explain("c", clock(90))
	require.True(t, ok)
	require.Equal(t, health.Unknown, ev.Status)
	require.Equal(t, health.Unknown, ev.Reevaluate())
	require.True(t, ev.Groups[0].Facts[0].Stale)

	e = engine(t, "aggregator: {evaluation: compatible, alarm_cluster: {c: {policy: highest_severity, group_by: hostname, match: {service: web}, members: [a], warm_up_period: 0}}}")
	tick(t, e, 0)
	send(t, e, beat("h1", "metric_collector", 5, 1), 1)
	send(t, e, sent("a", "h1", health.Okay, 1), 1)
	tick(t, e, 1)
	require.Equal(t, "okay", tick(t, e, 301).word("c"), "compatible evaluation does not age")
	require.Equal(t, 10*time.Second, gse.DefaultHeartbeat)
}

func TestAfterASilenceOldProofIsNone(t *testing.T) {
	e := engine(t, oneMember)
	tick(t, e, 0)
	for at := 1; at <= 21; at += 10 {
		send(t, e, beat("h1", "metric_collector", 5, at), at)
		send(t, e, sent("a", "h1", health.Okay, at), at)
		require.Equal(t, "okay", tick(t, e, at).word("c"))
	}
	require.Equal(t, "unknown", tick(t, e, 41).word("c"))
	send(t, e, beat("h1", "metric_collector", 5, 50), 50)
	out := tick(t, e, 51)
	require.Equal(t, "unknown", out.word("c"), "its heartbeat proves nothing about a")
	require.Equal(t, "The collector on h1 was silent and has not judged a from h1 again yet", out.get("c", "alarms.0.message").Str)
	send(t, e, sent("a", "h1", health.Okay, 55), 55)
	require.Equal(t, "okay", tick(t, e, 61).word("c"))

	// A short pause is none, and words that waited in a queue are as old as they are.
	send(t, e, beat("h1", "metric_collector", 5, 72), 72)
	require.Equal(t, "okay", tick(t, e, 73).word("c"))
	send(t, e, beat("h1", "metric_collector", 5, 85), 110)
	send(t, e, beat("h1", "metric_collector", 5, 100), 110)
	send(t, e, beat("h1", "metric_collector", 5, 110), 110)
	require.Equal(t, "okay", tick(t, e, 111).word("c"), "the network was cut, the collector was not silent")
}
