package store_test

import (
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/pkg/health"
	"github.com/tocsin-lma/tocsin/pkg/message"
	"github.com/tocsin-lma/tocsin/pkg/store"
)

func newState() *store.State { return store.NewState(nil, slog.New(slog.DiscardHandler)) }

// afd is a verdict whose first alarm has a value of a metric; "": no alarm.
func afd(host, member string, status health.Status, metric string, value float64) *message.Message {
	m := &message.Message{Type: "heka.sandbox.afd_metric", Payload: `{"alarms":[]}`}
	if metric != "" {
		m.Payload = fmt.Sprintf(`{"alarms":[{"function":"avg","metric":%q,"fields":{},"value":%g}]}`, metric, value)
	}
	m.AddString("member", member)
	m.AddString("hostname", host)
	m.AddDouble("value", float64(status), "")
	return m
}

func values(m store.MemberState) (out []float64) {
	for _, v := range m.Values {
		out = append(out, v.Value)
	}
	return out
}

func TestAMemberTrailsTheValuesSinceItTurned(t *testing.T) {
	s, at := newState(), time.Unix(1.5e9, 0)
	say := func(status health.Status, metric string, value float64) store.MemberState {
		at = at.Add(10 * time.Second)
		s.Observe(afd("ctl01", "cpu", status, metric, value), at)
		m, ok := s.Member("ctl01", "cpu")
		require.True(t, ok)
		return m
	}
	require.Empty(t, values(say(health.Okay, "", 0)))
	require.Equal(t, []float64{90}, values(say(health.Warn, "busy", 90)))
	before := say(health.Down, "busy", 95)
	require.Equal(t, []float64{90, 95}, values(before))
	require.Equal(t, at, before.Values[1].Time)
	require.Equal(t, []float64{3}, values(say(health.Warn, "load", 3)), "another rule is another trail")
	require.Equal(t, []float64{90, 95}, values(before), "what a reader holds does not change")
	require.Empty(t, values(say(health.Okay, "", 0)), "a trail ends with the alarm")
	for i := range 100 {
		before = say(health.Warn, "busy", float64(i))
	}
	require.Len(t, before.Values, 30)
	require.Equal(t, 99.0, before.Values[29].Value)
	require.Equal(t, 70.0, before.Values[0].Value)
}

func TestTrailsAreBounded(t *testing.T) {
	s, at := newState(), time.Unix(1.5e9, 0)
	const limit = 10_000
	for i := range limit + 1 {
		s.Observe(afd(fmt.Sprint("node", i), "cpu", health.Warn, "busy", 1), at)
	}
	last := fmt.Sprint("node", limit)
	m, _ := s.Member(last, "cpu")
	require.Empty(t, m.Values, "one too many has none")
	s.Forget("node0", "")
	s.Observe(afd("node1", "cpu", health.Okay, "", 0), at)
	for _, name := range []string{last, "other"} {
		s.Observe(afd(name, "cpu", health.Warn, "busy", 1), at)
		m, _ = s.Member(name, "cpu")
		require.Len(t, m.Values, 1, "what is forgotten or well makes room")
	}
	s.Observe(afd("one more", "cpu", health.Warn, "busy", 1), at)
	m, _ = s.Member("one more", "cpu")
	require.Empty(t, m.Values)
}

func TestHostsAreSummedUp(t *testing.T) {
	s, at := newState(), time.Unix(1.5e9, 0)
	s.Observe(afd("b", "cpu", health.Okay, "", 0), at)
	s.Observe(afd("b", "disk", health.Unknown, "", 0), at.Add(time.Second))
	s.Observe(afd("c", "cpu", health.Critical, "", 0), at)
	s.Observe(afd("c", "disk", health.Warn, "", 0), at)
	s.Observe(afd("", "of the cluster itself", health.Down, "", 0), at)
	beat := &message.Message{Type: "heartbeat", Hostname: "a"}
	s.Observe(beat, at)
	summary := func(fresh time.Time) (got []string) {
		for _, h := range s.Hosts(fresh) {
			got = append(got, fmt.Sprintf("%s %s %d/%d", h.Host, h.Worst, h.Bad, h.Total))
		}
		return got
	}
	hosts := s.Hosts(at)
	require.Equal(t, []string{"c critical 2/2", "b unknown 1/2", "a okay 0/0"}, summary(at))
	require.Equal(t, []string{"c critical 2/2", "a unknown 0/0", "b unknown 2/2"}, summary(at.Add(time.Minute)), "an old OKAY is none")
	require.Equal(t, at.Add(time.Second), hosts[1].At, "without heartbeats the newest verdict counts")
	require.Len(t, s.MembersOf("b"), 2)
	require.Equal(t, "cpu", s.MembersOf("b")[0].Member)
	_, ok := s.Member("b", "none")
	require.False(t, ok)
}
