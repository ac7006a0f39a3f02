package statsd_test

import (
	"context"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/tocsin-lma/tocsin/pkg/inputs/statsd"
	"github.com/tocsin-lma/tocsin/pkg/message"
)

func flush(t testing.TB, in *statsd.Input) map[string]*message.Message {
	t.Helper()
	got := map[string]*message.Message{}
	require.NoError(t, in.Flush(time.Unix(1489400000, 0), func(m *message.Message) error {
		name, _ := m.Text("name")
		got[name] = m.Clone()
		return nil
	}))
	return got
}

func number(t *testing.T, m *message.Message, field string) float64 {
	t.Helper()
	require.NotNil(t, m)
	v, ok := m.Number(field)
	require.True(t, ok, field)
	return v
}

func TestKinds(t *testing.T) {
	in, err := statsd.New(statsd.DefaultConfig(), statsd.Options{Name: "statsd", Hostname: "node-1"})
	require.NoError(t, err)
	in.Add("hits.total:3|c\nhits.total:2|c|@0.5\ntemp:20|g\ntemp:+2|g|#room:a b,hostname:x\nusers:bob|s\nusers:eve|s\nusers:bob|s\n")
	for _, v := range []string{"1", "2", "3", "4", "5", "6", "7", "8", "9", "100"} {
		in.Add("lat:" + v + "|ms")
	}
	in.Add("no colon\nx:abc|c\nx:1|zz\nx:1|c|@7\nx:nan|g\n:1|c")
	require.Equal(t, statsd.Stats{Samples: 17, Malformed: 6}, in.Stats())
	got := flush(t, in)
	require.InDelta(t, 7, number(t, got["hits_total"], "count"), 1e-9)
	require.InDelta(t, 0.7, number(t, got["hits_total"], "rate"), 1e-9)
	require.Equal(t, []string{"hostname"}, got["hits_total"].Strings("tag_fields"))
	require.InDelta(t, 2, number(t, got["users"], "value"), 0)
	require.InDelta(t, 9, number(t, got["lat"], "upper_90"), 0)
	require.InDelta(t, 100, number(t, got["lat"], "max"), 0)
	require.InDelta(t, 14.5, number(t, got["lat"], "mean"), 1e-9)
	require.Equal(t, "multivalue_metric", got["lat"].Type)

	in.Add("temp:+1|g")
	got = flush(t, in)
	require.InDelta(t, 0, number(t, got["hits_total"], "count"), 0, "a silent counter is 0")
	require.Nil(t, got["lat"], "a silent timer says nothing")
}

func TestTags(t *testing.T) {
	in, err := statsd.New(statsd.DefaultConfig(), statsd.Options{Name: "statsd", Hostname: "node-1"})
	require.NoError(t, err)
	in.Add("m:1|g|#room:a b,hostname:x,value:9")
	m := flush(t, in)["m"]
	require.Equal(t, []string{"room", "hostname"}, m.Strings("tag_fields"))
	host, _ := m.Text("hostname")
	require.Equal(t, "x", host)
}

func TestSeriesAreBounded(t *testing.T) {
	cfg := statsd.DefaultConfig()
	cfg.MaxSeries, cfg.DeleteIdleStats = 2, true
	in, err := statsd.New(cfg, statsd.Options{})
	require.NoError(t, err)
	in.Add("a:1|c\nb:1|c\nc:1|c\na:1|c")
	require.Equal(t, statsd.Stats{Samples: 3, Refused: 1}, in.Stats())
	flush(t, in)
	require.Empty(t, flush(t, in))
	in.Add("c:1|c")
	require.Contains(t, flush(t, in), "c", "idle series make room")
}

type sink struct {
	mu   sync.Mutex
	n    int
	done int
}

func (s *sink) Emit(*message.Message) error { s.mu.Lock(); defer s.mu.Unlock(); s.n++; return nil }
func (s *sink) Commit(context.Context) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.done = s.n
	return 0, nil
}
func (s *sink) Close(ctx context.Context) error { _, err := s.Commit(ctx); return err }

func TestFlushesAtTheEnd(t *testing.T) {
	defer goleak.VerifyNone(t)
	cfg := statsd.DefaultConfig()
	cfg.Port = 0
	in, err := statsd.New(cfg, statsd.Options{Name: "statsd"})
	require.NoError(t, err)
	s := &sink{}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- in.Run(ctx, func(string) (message.Stream, error) { return s, nil }) }()
	require.Eventually(t, func() bool { return in.Addr() != nil }, time.Minute, time.Millisecond)
	c, err := net.Dial("udp", in.Addr().String())
	require.NoError(t, err)
	defer c.Close()
	_, err = c.Write([]byte("a:1|c\nb:2|g"))
	require.NoError(t, err)
	require.Eventually(t, func() bool { return in.Stats().Samples == 2 }, time.Minute, time.Millisecond)
	cancel()
	require.NoError(t, <-done)
	require.Equal(t, 2, s.done)
}

func FuzzAdd(f *testing.F) {
	f.Add("a.b:1|c|@0.1|#k:v,w:\nb:-1e308|g\nc:x|s\nd:5|ms")
	f.Fuzz(func(t *testing.T, datagram string) {
		in, err := statsd.New(statsd.DefaultConfig(), statsd.Options{Name: "statsd"})
		require.NoError(t, err)
		in.Add(datagram)
		flush(t, in)
		flush(t, in)
	})
}

func TestConfigErrors(t *testing.T) {
	for want, cfg := range map[string]statsd.Config{
		"ticker_interval": {FlushInterval: 1}, "percent_threshold": {Percentiles: []float64{0}}, "port": {Port: -1},
	} {
		_, err := statsd.New(cfg, statsd.Options{})
		require.ErrorContains(t, err, want)
	}
}
