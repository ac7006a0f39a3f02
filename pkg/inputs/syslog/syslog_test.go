package syslog_test

import (
	"context"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/tocsin-lma/tocsin/pkg/inputs/syslog"
	"github.com/tocsin-lma/tocsin/pkg/message"
)

type sink struct {
	mu      sync.Mutex
	emitted []string
	done    int
}

func (s *sink) Emit(m *message.Message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.emitted = append(s.emitted, m.Type+":"+strings.Clone(m.Payload))
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

func TestBothTransportsAndFramings(t *testing.T) {
	defer goleak.VerifyNone(t)
	cfg := syslog.DefaultConfig()
	cfg.Port, cfg.MaxMessageSize = 0, 100
	in, err := syslog.New(cfg, syslog.Options{Name: "syslog", Hostname: "node-1"})
	require.NoError(t, err)
	s := &sink{}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- in.Run(ctx, func(string) (message.Stream, error) { return s, nil }) }()
	require.Eventually(t, func() bool { a, b := in.Addrs(); return a != nil && b != nil }, time.Minute, time.Millisecond)
	tcp, udp := in.Addrs()
	c, err := net.Dial("tcp", tcp.String())
	require.NoError(t, err)
	long := strings.Repeat("x", 300)
	_, err = c.Write([]byte("<13>a line\n7 <14>a\nb300 " + long + "<15>" + long + "\n<16>end\n"))
	require.NoError(t, err)
	want := []string{"syslog:<13>a line\n", "syslog:<14>a\nb\n", "syslog:<16>end\n"}
	require.Eventually(t, func() bool { return len(s.committed()) >= 2 }, time.Minute, time.Millisecond)
	require.NoError(t, c.Close())
	d, err := net.Dial("udp", udp.String())
	require.NoError(t, err)
	_, err = d.Write([]byte("<17>datagram"))
	require.NoError(t, err)
	require.NoError(t, d.Close())
	require.Eventually(t, func() bool { return len(s.committed()) >= 4 }, time.Minute, time.Millisecond)
	require.ElementsMatch(t, append(want, "syslog:<17>datagram"), s.committed())
	require.EqualValues(t, 2, in.Stats().TooLong)
	cancel()
	require.NoError(t, <-done)
}

func TestProtocols(t *testing.T) {
	_, err := syslog.New(syslog.Config{Protocols: []string{"sctp"}}, syslog.Options{})
	require.ErrorContains(t, err, "sctp")
}
