package amqp_test

import (
	"context"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	broker "github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/internal/testserver"
	"github.com/tocsin-lma/tocsin/pkg/inputs/amqp"
	"github.com/tocsin-lma/tocsin/pkg/message"
)

type sink struct {
	mu        sync.Mutex
	got       []string
	ids       []message.UUID
	committed int
}

func (s *sink) Emit(m *message.Message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.got, s.ids = append(s.got, m.Type+":"+m.Payload), append(s.ids, m.UUID)
	return nil
}

func (s *sink) Commit(context.Context) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.committed = len(s.got)
	return 0, nil
}
func (s *sink) Close(context.Context) error { return nil }

func TestConfigErrors(t *testing.T) {
	for want, change := range map[string]func(*amqp.Config){
		"set url, or host": func(c *amqp.Config) { c.Host = "" },
		"want amqp://":     func(c *amqp.Config) { c.URL = "http://user:secret@h" },
		"exchange_type":    func(c *amqp.Config) { c.ExchangeType = "x" },
		"read_only":        func(c *amqp.Config) { c.ReadOnly = true },
		"prefetch_count":   func(c *amqp.Config) { c.PrefetchCount = -1 },
		"port 0":           func(c *amqp.Config) { c.Port = 0 },
		"root_cafile":      func(c *amqp.Config) { c.SSL = &amqp.SSL{CAFile: "/no/such/file"} },
	} {
		cfg := amqp.DefaultConfig()
		cfg.Host = "127.0.0.1"
		change(&cfg)
		_, err := amqp.New(cfg, amqp.Options{})
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), "secret")
	}
}

func TestUnreachableBrokerIsWaitedFor(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	port := l.Addr().(*net.TCPAddr).Port
	require.NoError(t, l.Close())
	cfg := amqp.DefaultConfig()
	cfg.Host, cfg.Port = "127.0.0.1", port
	in, err := amqp.New(cfg, amqp.Options{Name: "n"})
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	require.NoError(t, in.Run(ctx, func(string) (message.Stream, error) { return &sink{}, nil }))
	require.Zero(t, in.Stats().Connects)
}

// TestTheIdentityOfADelivery: one that comes again is the same, whatever else is
// the same in two of them does not make them one, for one would be lost.
func TestTheIdentityOfADelivery(t *testing.T) {
	cfg := amqp.DefaultConfig()
	cfg.Host = "127.0.0.1"
	in, err := amqp.New(cfg, amqp.Options{Name: "n"})
	require.NoError(t, err)
	seen := map[message.UUID]bool{}
	for _, d := range []broker.Delivery{
		{MessageId: "1", Exchange: "nova", Body: []byte("a")},
		{MessageId: "1", Exchange: "nova", Body: []byte("b")},
		{MessageId: "2", Exchange: "nova", Body: []byte("a")},
		{MessageId: "1", Exchange: "glance", Body: []byte("a")},
		{Body: []byte(`{"message_id":"1"}`)},
		{Body: []byte(`{"message_id":"2"}`)},
	} {
		id := amqp.Identity(in, d)
		d.Redelivered, d.DeliveryTag = true, 7
		require.Equal(t, id, amqp.Identity(in, d))
		require.False(t, seen[id], "%s %s", d.MessageId, d.Body)
		seen[id] = true
	}
	for range 2 { // nothing names them: each is one of its own
		id := amqp.Identity(in, broker.Delivery{Body: []byte("a")})
		require.False(t, seen[id])
		seen[id] = true
	}
}

// TestRealBroker consumes from RabbitMQ.
func TestRealBroker(t *testing.T) {
	address := testserver.URL(t, "RABBITMQ")
	cfg := amqp.DefaultConfig()
	cfg.URL, cfg.Exchange, cfg.Queue, cfg.RoutingKey = address, "tocsin-test", "tocsin-test.info", "tocsin-test.info"
	in, err := amqp.New(cfg, amqp.Options{Name: "n", Hostname: "node-1"})
	require.NoError(t, err)
	s := &sink{}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- in.Run(ctx, func(string) (message.Stream, error) { return s, nil }) }()
	require.Eventually(t, func() bool { return in.Stats().Connects == 1 }, time.Minute, 10*time.Millisecond)
	conn, err := broker.Dial(address)
	require.NoError(t, err)
	defer conn.Close()
	channel, err := conn.Channel()
	require.NoError(t, err)
	for range 10 {
		require.NoError(t, channel.PublishWithContext(ctx, cfg.Exchange, cfg.RoutingKey, false, false, broker.Publishing{Body: []byte(`{"message_id":"1"}`)}))
	}
	require.Eventually(t, func() bool { s.mu.Lock(); defer s.mu.Unlock(); return s.committed == 10 }, time.Minute, 10*time.Millisecond)
	require.True(t, strings.HasPrefix(s.got[0], "amqp:"))
	require.Equal(t, s.ids[0], s.ids[9])
	cancel()
	require.NoError(t, <-done)
}
