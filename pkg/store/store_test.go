package store_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/tocsin-lma/tocsin/pkg/health"
	"github.com/tocsin-lma/tocsin/pkg/message"
	"github.com/tocsin-lma/tocsin/pkg/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T, path string, opt store.Options) *store.Store {
	t.Helper()
	s, err := store.Open(path, opt)
	require.NoError(t, err)
	return s
}

func names(events []store.Event) (out []string) {
	for _, e := range events {
		out = append(out, e.Name)
	}
	return out
}

func TestEventsSurviveAndAreBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.db")
	s := open(t, path, store.Options{MaxEvents: 3})
	at := time.Unix(1.5e9, 0).UTC()
	for i, name := range []string{"a", "b", "c", "d", "e"} {
		e := store.Event{Time: at.Add(time.Duration(i) * time.Second), Kind: store.Cluster, Name: name, Status: health.Down}
		require.NoError(t, s.Append(&e))
		require.EqualValues(t, i+1, e.ID)
	}
	require.NoError(t, s.Close())

	s = open(t, path, store.Options{MaxEvents: 3})
	defer s.Close()
	for _, c := range []struct {
		query store.Query
		want  []string
	}{
		{store.Query{}, []string{"e", "d", "c"}},
		{store.Query{Oldest: true}, []string{"c", "d", "e"}},
		{store.Query{Limit: 2}, []string{"e", "d"}},
		{store.Query{After: 4}, []string{"e"}},
		{store.Query{After: 3, Oldest: true}, []string{"d", "e"}},
		{store.Query{Name: "d"}, []string{"d"}},
		{store.Query{Kind: store.Member}, nil},
		{store.Query{Since: at.Add(3 * time.Second), Until: at.Add(3 * time.Second)}, []string{"d"}},
	} {
		events, err := s.Events(c.query)
		require.NoError(t, err)
		require.Equal(t, c.want, names(events), "%+v", c.query)
	}
	e := store.Event{Name: "f"}
	require.NoError(t, s.Append(&e))
	require.EqualValues(t, 6, e.ID, "numbers go on after a restart")
}

func TestADamagedHistoryIsSetAside(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.db")
	require.NoError(t, os.WriteFile(path, []byte("this is no history, and long enough to be looked at"), 0o600))
	s := open(t, path, store.Options{})
	require.NoError(t, s.Append(&store.Event{Name: "a"}))
	require.NoError(t, s.Close())
	require.FileExists(t, path+".damaged")
}

func verdictOf(name string, value float64) *message.Message {
	m := &message.Message{Type: "heka.sandbox.gse_metric", Payload: `{"alarms":[{"message":"why"}]}`}
	m.AddString("member", name)
	m.AddDouble("value", value, "")
	m.AddString("cluster_name", name)
	return m
}

func TestStateRemembersVerdictsAndTransitions(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "events.db"), store.Options{})
	defer s.Close()
	state := store.NewState(s, slog.New(slog.DiscardHandler))
	watch, stop := state.Watch()
	defer stop()
	at := time.Unix(1.5e9, 0)
	state.Observe(verdictOf("nova", 0), at)
	state.Observe(verdictOf("cinder", 1), at)
	state.Observe(verdictOf("nova", 4), at.Add(10*time.Second))
	state.Observe(verdictOf("nova", 4), at.Add(20*time.Second))

	clusters := state.Clusters()
	require.Equal(t, "nova", clusters[0].Name, "the worst comes first")
	require.Equal(t, at.Add(10*time.Second), clusters[0].Since)
	require.Equal(t, at.Add(20*time.Second), clusters[0].At)
	require.True(t, clusters[0].Top)
	require.JSONEq(t, `{"message":"why"}`, string(clusters[0].Alarms[0]))

	first, second := <-watch, <-watch
	require.Equal(t, "cinder", first.Name, "a first sighting is an event unless it is OKAY")
	require.Nil(t, first.Before)
	require.Equal(t, "nova", second.Name)
	require.Equal(t, health.Okay, *second.Before)
	require.Empty(t, watch)
	events, err := s.Events(store.Query{})
	require.NoError(t, err)
	require.Equal(t, []string{"nova", "cinder"}, names(events))
}

func TestAnEventIsBounded(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "events.db"), store.Options{})
	defer s.Close()
	state := store.NewState(s, slog.New(slog.DiscardHandler))
	m := verdictOf("nova", 4)
	one := `{"message":"` + strings.Repeat("x", 1000) + `"}`
	m.Payload = `{"alarms":[` + strings.Repeat(one+",", 60) + one + `]}`
	state.Observe(m, time.Unix(1.5e9, 0))
	require.Len(t, state.Clusters()[0].Alarms, 61, "what is now is whole")
	events, err := s.Events(store.Query{})
	require.NoError(t, err)
	require.Len(t, events[0].Alarms, 8)
}

func TestStateKnowsNodesAndMembersUntilTheyAreForgotten(t *testing.T) {
	state := store.NewState(nil, slog.New(slog.DiscardHandler))
	at := time.Unix(1.5e9, 0)
	beat := &message.Message{Type: "heartbeat", Hostname: "ctl01"}
	beat.AddString("service", "metric_collector")
	beat.AddDouble("alarms", 12, "")
	state.Observe(beat, at)
	afd := &message.Message{Type: "afd_metric", Payload: "not JSON"}
	afd.AddString("member", "cpu")
	afd.AddString("hostname", "ctl01")
	afd.AddDouble("value", 2, "")
	state.Observe(afd, at)
	require.Equal(t, 12, state.Nodes()[0].Alarms)
	require.Equal(t, health.Unknown, state.Members()[0].Status)
	require.Equal(t, 1, state.Forget("ctl01", ""))
	require.Empty(t, state.Nodes())
	require.Empty(t, state.Members())
	state.Observe(&message.Message{Type: "afd_metric"}, at)
	require.Empty(t, state.Members(), "a verdict without member or value is none")
}
