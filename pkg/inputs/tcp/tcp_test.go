package tcp_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/tocsin-lma/tocsin/pkg/inputs/tcp"
	"github.com/tocsin-lma/tocsin/pkg/message"
	"github.com/tocsin-lma/tocsin/pkg/splitter"
)

type sink struct {
	mu        sync.Mutex
	payloads  []string
	committed int
	fail      error
	last      *message.Message
}

func (s *sink) Emit(m *message.Message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = m.Clone()
	s.payloads = append(s.payloads, strings.Clone(m.Payload))
	return nil
}

func (s *sink) Commit(context.Context) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		return 0, s.fail
	}
	s.committed = len(s.payloads)
	return 0, nil
}
func (s *sink) Close(ctx context.Context) error { _, err := s.Commit(ctx); return err }

func (s *sink) state() ([]string, int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string{}, s.payloads...), s.committed
}

func start(t *testing.T, cfg tcp.Config, opt tcp.Options, s *sink) *tcp.Input {
	t.Helper()
	t.Cleanup(func() { goleak.VerifyNone(t) })
	cfg.Address, opt.Name, opt.Hostname = "127.0.0.1:0", "relay", "node-1"
	in, err := tcp.New(cfg, opt)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- in.Run(ctx, func(string) (message.Stream, error) { return s, nil }) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-done)
	})
	require.Eventually(t, func() bool { return in.Addr() != nil }, time.Minute, time.Millisecond)
	return in
}

func dial(t *testing.T, in *tcp.Input) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", in.Addr().String())
	require.NoError(t, err)
	require.NoError(t, c.SetDeadline(time.Now().Add(time.Minute)))
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func framed(payload string) []byte {
	return message.AppendFramed(nil, &message.Message{UUID: message.NewUUID(), Timestamp: 1, Type: "metric", Payload: payload})
}

func syncFrame(seq int64) []byte {
	m := message.Message{UUID: message.NewUUID(), Timestamp: 1, Type: tcp.SyncType}
	m.AddInteger(tcp.SeqField, seq, "")
	return message.AppendFramed(nil, &m)
}

func TestSyncIsAnsweredAfterCommit(t *testing.T) {
	s := &sink{}
	in := start(t, tcp.DefaultConfig(), tcp.Options{}, s)
	c := dial(t, in)
	answers := message.NewFrameReader(c, message.FrameOptions{})
	for seq := range int64(3) {
		_, err := c.Write(append(append(framed("a"), framed("b")...), syncFrame(seq)...))
		require.NoError(t, err)
		payload, err := answers.Next()
		require.NoError(t, err)
		var ack message.Message
		require.NoError(t, ack.Unmarshal(payload))
		require.Equal(t, tcp.AckType, ack.Type)
		got, _ := ack.Number(tcp.SeqField)
		require.EqualValues(t, seq, got)
		_, committed := s.state()
		require.EqualValues(t, 2*(seq+1), committed)
	}
	// An answer is counted after it was written.
	require.Eventually(t, func() bool { return in.Stats().Acks == 3 }, time.Minute, time.Millisecond)
}

func TestNoAckWithoutCommit(t *testing.T) {
	s := &sink{fail: errors.New("disk full")}
	cfg := tcp.DefaultConfig()
	cfg.Address = "127.0.0.1:0"
	in, err := tcp.New(cfg, tcp.Options{Name: "relay"})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- in.Run(ctx, func(string) (message.Stream, error) { return s, nil }) }()
	require.Eventually(t, func() bool { return in.Addr() != nil }, time.Minute, time.Millisecond)
	c := dial(t, in)
	_, err = c.Write(append(framed("a"), syncFrame(1)...))
	require.NoError(t, err)
	_, err = message.NewFrameReader(c, message.FrameOptions{}).Next()
	require.Error(t, err, "the connection is closed without an answer")
	cancel()
	require.ErrorContains(t, <-done, "disk full")
}

func TestFramesWithoutSyncAreCommitted(t *testing.T) {
	s := &sink{}
	in := start(t, tcp.DefaultConfig(), tcp.Options{}, s)
	c := dial(t, in)
	_, err := c.Write([]byte("junk" + string(framed("a")) + "\x1e\x02\x08\x02\x1f\xff\xff" + string(framed("b"))))
	require.NoError(t, err)
	require.Eventually(t, func() bool { _, n := s.state(); return n == 2 }, time.Minute, time.Millisecond)
	st := in.Stats()
	require.GreaterOrEqual(t, st.SkippedBytes, uint64(4))
	require.EqualValues(t, 1, st.Malformed)
	require.EqualValues(t, 2, st.Messages)
}

func TestTextConnections(t *testing.T) {
	s := &sink{}
	in := start(t, tcp.DefaultConfig(), tcp.Options{Splitter: splitter.Config{Engine: "token", MaxRecordSize: 2000}, Type: "syslog"}, s)
	c := dial(t, in)
	_, err := c.Write([]byte("a\n" + strings.Repeat("x", 5000) + "\nb\nlast"))
	require.NoError(t, err)
	require.NoError(t, c.Close())
	require.Eventually(t, func() bool { _, n := s.state(); return n == 3 }, time.Minute, time.Millisecond)
	got, _ := s.state()
	require.Equal(t, []string{"a\n", "b\n", "last"}, got)
	require.Equal(t, "syslog", s.last.Type)
	require.EqualValues(t, 1, in.Stats().TooLong)
}

func TestConnectionLimitAndIdleTimeout(t *testing.T) {
	s := &sink{}
	cfg := tcp.DefaultConfig()
	cfg.MaxConnections, cfg.IdleTimeout = 1, 50*time.Millisecond
	in := start(t, cfg, tcp.Options{}, s)
	first := dial(t, in)
	require.Eventually(t, func() bool { return in.Stats().Connections == 1 }, time.Minute, time.Millisecond)
	second := dial(t, in)
	_, err := second.Read(make([]byte, 1))
	require.Error(t, err)
	require.EqualValues(t, 1, in.Stats().Refused)
	_, err = first.Read(make([]byte, 1))
	require.Error(t, err, "a silent connection is closed")
	require.Eventually(t, func() bool { return in.Stats().Connections == 0 }, time.Minute, time.Millisecond)
}

func TestSignatures(t *testing.T) {
	s := &sink{}
	opt := tcp.Options{Splitter: splitter.Config{Engine: "framing", RequireSigned: true, Signer: map[string]splitter.SignerConfig{"ops_1": {HMACKey: "key"}}}}
	in := start(t, tcp.DefaultConfig(), opt, s)
	c := dial(t, in)
	m := message.AppendMessage(nil, &message.Message{UUID: message.NewUUID(), Timestamp: 1, Payload: "signed"})
	good := message.AppendFrame(nil, m, &message.Signer{Name: "ops", Version: 1, Hash: message.SHA1, Key: []byte("key")})
	bad := message.AppendFrame(nil, m, &message.Signer{Name: "ops", Version: 1, Hash: message.SHA1, Key: []byte("other")})
	_, err := c.Write(append(append(append(framed("unsigned"), bad...), good...), good...))
	require.NoError(t, err)
	require.Eventually(t, func() bool { _, n := s.state(); return n == 2 }, time.Minute, time.Millisecond)
	require.EqualValues(t, 2, in.Stats().BadSignatures)
}

func TestBindErrorNamesTheSetting(t *testing.T) {
	s := &sink{}
	in := start(t, tcp.DefaultConfig(), tcp.Options{}, s)
	cfg := tcp.DefaultConfig()
	cfg.Address = in.Addr().String()
	second, err := tcp.New(cfg, tcp.Options{Name: "other"})
	require.NoError(t, err)
	require.ErrorContains(t, second.Run(t.Context(), nil), "change address or port")
}

func TestConfigErrors(t *testing.T) {
	yes := true
	for want, change := range map[string]func(*tcp.Config){
		"net":              func(c *tcp.Config) { c.Net = "udp" },
		"port":             func(c *tcp.Config) { c.Port = -1 },
		"max_message_size": func(c *tcp.Config) { c.MaxMessageSize = 10 },
		"tls":              func(c *tcp.Config) { c.UseTLS = &yes },
	} {
		cfg := tcp.DefaultConfig()
		change(&cfg)
		_, err := tcp.New(cfg, tcp.Options{})
		require.ErrorContains(t, err, want)
	}
}
