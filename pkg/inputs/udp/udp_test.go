package udp_test

import (
	"context"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/tocsin-lma/tocsin/pkg/inputs/udp"
	"github.com/tocsin-lma/tocsin/pkg/message"
	"github.com/tocsin-lma/tocsin/pkg/splitter"
)

type sink struct {
	mu      sync.Mutex
	emitted []string
	done    int
}

func (s *sink) Emit(m *message.Message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.emitted = append(s.emitted, strings.Clone(m.Payload))
	return nil
}

func (s *sink) Commit(context.Context) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.done = len(s.emitted)
	return 0, nil
}
func (s *sink) Close(ctx context.Context) error { _, err := s.Commit(ctx); return err }

func (s *sink) committed() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string{}, s.emitted[:s.done]...)
}

func receive(t *testing.T, split splitter.Config, datagrams ...string) ([]string, udp.Stats) {
	t.Helper()
	defer goleak.VerifyNone(t)
	cfg := udp.DefaultConfig()
	cfg.Address = "127.0.0.1:0"
	in, err := udp.New(cfg, udp.Options{Name: "u", Splitter: split})
	require.NoError(t, err)
	s := &sink{}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- in.Run(ctx, func(string) (message.Stream, error) { return s, nil }) }()
	require.Eventually(t, func() bool { return in.Addr() != nil }, time.Minute, time.Millisecond)
	c, err := net.Dial("udp", in.Addr().String())
	require.NoError(t, err)
	defer c.Close()
	for _, d := range append(datagrams, "end\n") {
		_, err := c.Write([]byte(d))
		require.NoError(t, err)
	}
	if split.Framed() {
		_, err = c.Write(message.AppendFramed(nil, &message.Message{UUID: message.NewUUID(), Timestamp: 1, Payload: "end\n"}))
		require.NoError(t, err)
	}
	require.Eventually(t, func() bool {
		got := s.committed()
		return len(got) > 0 && got[len(got)-1] == "end\n"
	}, time.Minute, time.Millisecond)
	cancel()
	require.NoError(t, <-done)
	return s.committed(), in.Stats()
}

func TestDatagrams(t *testing.T) {
	got, _ := receive(t, splitter.Config{}, "a\nb\n", "c")
	require.Equal(t, []string{"a\nb\n", "c", "end\n"}, got)
	got, st := receive(t, splitter.Config{Engine: "token", MaxRecordSize: 10}, "a\nb\n", "c", strings.Repeat("x", 50))
	require.Equal(t, []string{"a\n", "b\n", "c", "end\n"}, got)
	require.EqualValues(t, 1, st.TooLong)
	frame := string(message.AppendFramed(nil, &message.Message{UUID: message.NewUUID(), Timestamp: 1, Payload: "framed"}))
	got, st = receive(t, splitter.Config{Engine: "framing"}, frame+frame, "\x1e\x02\x08\x02\x1f\xff\xff")
	require.Equal(t, []string{"framed", "framed", "end\n"}, got)
	require.EqualValues(t, 1, st.Malformed)
}

func TestConfigErrors(t *testing.T) {
	_, err := udp.New(udp.Config{Net: "tcp"}, udp.Options{})
	require.ErrorContains(t, err, "unixgram")
	_, err = udp.New(udp.Config{Port: -1}, udp.Options{})
	require.ErrorContains(t, err, "port")
}
