package store_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/pkg/gse"
	"github.com/tocsin-lma/tocsin/pkg/health"
	"github.com/tocsin-lma/tocsin/pkg/store"
)

func evidence(cluster string, at time.Time, status health.Status, text string) gse.Evidence {
	raw, _ := json.Marshal(map[string]string{"message": text})
	return gse.Evidence{
		Cluster: cluster, At: at.UTC(), Status: status,
		Groups: []gse.GroupEvidence{{Key: "a", Status: status, Facts: []gse.FactEvidence{{Member: "a", Status: status, Alarms: []json.RawMessage{raw}}}}},
	}
}

func TestEvidenceIsThatOfItsTime(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.db")
	s := open(t, path, store.Options{})
	at := time.Unix(1.5e9, 0)
	state := store.NewState(s, slog.New(slog.DiscardHandler))
	for i, status := range []health.Status{health.Okay, health.Down, health.Warn} {
		state.Keep(evidence("nova", at.Add(time.Duration(i)*time.Minute), status, "why"))
		state.Keep(evidence("nova_api", at.Add(time.Duration(i)*time.Minute), health.Unknown, ""))
	}
	state.Keep(evidence("nova", at, health.Critical, "told again"))
	require.NoError(t, s.Append(&store.Event{Name: "beside"}))
	require.NoError(t, s.Close())
	s = open(t, path, store.Options{})
	defer s.Close()
	for after, want := range map[time.Duration]health.Status{
		0: health.Okay, 59 * time.Second: health.Okay, time.Minute: health.Down, 119 * time.Second: health.Down, time.Hour: health.Warn,
	} {
		ev, err := s.EvidenceAt("nova", at.Add(after))
		require.NoError(t, err)
		require.Equal(t, want, ev.Status, after)
		require.JSONEq(t, `{"message":"why"}`, string(ev.Groups[0].Facts[0].Alarms[0]))
	}
	for _, name := range []string{"nov", "nova\x00", "a", "zz"} {
		ev, err := s.EvidenceAt(name, at.Add(time.Hour))
		require.NoError(t, err)
		require.Nil(t, ev, name)
	}
	ev, err := s.EvidenceAt("nova", at.Add(-time.Second))
	require.NoError(t, err)
	require.Nil(t, ev, "nothing is known of before")
}

func TestEvidenceIsBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.db")
	at, random := time.Unix(1.5e9, 0), rand.New(rand.NewPCG(1, 1))
	const limit = 50_000
	count := func(s *store.Store) (n int) {
		for i := range 300 {
			ev, err := s.EvidenceAt(fmt.Sprint("c", i), at.Add(time.Hour))
			require.NoError(t, err)
			if ev != nil {
				n++
			}
		}
		return n
	}
	s := open(t, path, store.Options{MaxEvidenceBytes: limit})
	for i := range 300 {
		text := make([]byte, 250)
		for j := range text {
			text[j] = byte('a' + random.IntN(26))
		}
		require.NoError(t, s.Keep(evidence(fmt.Sprint("c", i), at.Add(time.Duration(i)*time.Second), health.Down, string(text))))
	}
	kept := count(s)
	require.Greater(t, kept, 60)
	require.Less(t, kept, 250)
	ev, err := s.EvidenceAt("c299", at.Add(time.Hour))
	require.NoError(t, err)
	require.NotNil(t, ev, "the newest stays")
	require.NoError(t, s.Close())
	s = open(t, path, store.Options{MaxEvidenceBytes: limit})
	defer s.Close()
	require.Equal(t, kept, count(s))
	require.NoError(t, s.Keep(evidence("one more", at, health.Down, "x")))
	require.LessOrEqual(t, count(s), kept, "the limit holds over restarts")
}
