package amqp_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/internal/testserver"
	"github.com/tocsin-lma/tocsin/pkg/message"
	"github.com/tocsin-lma/tocsin/pkg/outputs/amqp"
	"github.com/tocsin-lma/tocsin/pkg/outputs/outputtest"
	"github.com/tocsin-lma/tocsin/pkg/tlsconfig"
)

// TestSuite runs what needs no broker.
func TestSuite(t *testing.T) {
	outputtest.Stream{
		New: func(t *testing.T, address string, _ *tlsconfig.Config) outputtest.Output {
			return open(t, func(c *amqp.Config) { c.URL = "amqp://guest:guest@" + address })
		},
		Batch:   func(n int) []byte { b, _ := frames(n); return b },
		Answers: true,
		Answered: []outputtest.Fault{
			outputtest.BadRequest, outputtest.RetryAfter, outputtest.ServerError, outputtest.Partial,
		},
	}.Run(t)
	outputtest.Happened(t, outputtest.RetryAfter, outputtest.None, "AMQP has no such answer: a broker short of memory stops reading, as one that hangs")
	outputtest.Happened(t, outputtest.Partial, outputtest.None, "publisher confirms: a batch is confirmed as a whole or sent again")
}

// between forwards to a real broker, slowly where asked to, and can be cut.
type between struct {
	net.Listener
	to   string
	slow time.Duration

	mu    sync.Mutex
	conns []net.Conn
}

func forward(t *testing.T, at, to string, slow time.Duration) *between {
	t.Helper()
	l, err := net.Listen("tcp", at)
	require.NoError(t, err)
	b := &between{Listener: l, to: to, slow: slow}
	t.Cleanup(b.cut)
	go func() {
		for {
			from, err := l.Accept()
			if err != nil {
				return
			}
			go b.serve(from)
		}
	}()
	return b
}

func (b *between) serve(from net.Conn) {
	to, err := net.Dial("tcp", b.to)
	if err != nil {
		_ = from.Close()
		return
	}
	b.mu.Lock()
	b.conns = append(b.conns, from, to)
	b.mu.Unlock()
	go func() { _, _ = io.Copy(from, to); _ = from.Close() }()
	buf := make([]byte, 256)
	for {
		n, err := from.Read(buf)
		time.Sleep(b.slow)
		if _, bad := to.Write(buf[:n]); err != nil || bad != nil {
			_ = to.Close()
			return
		}
	}
}

func (b *between) cut() {
	_ = b.Close()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range b.conns {
		_ = c.Close()
	}
}

// TestRealFaults puts something between the output and a real broker.
func TestRealFaults(t *testing.T) {
	broker := testserver.URL(t, "RABBITMQ")
	exchange := fmt.Sprintf("tocsin-%d", time.Now().UnixNano())
	channel, name := queue(t, broker, exchange, "k")
	at, err := url.Parse(broker)
	require.NoError(t, err)
	way := forward(t, "127.0.0.1:0", at.Host, 2*time.Millisecond)
	through := *at
	through.Host = way.Addr().String()
	out := open(t, func(c *amqp.Config) {
		c.URL, c.Exchange, c.RoutingKey, c.Declare = through.String(), exchange, "k", false
	})
	b, ids := frames(50)
	require.NoError(t, out.Send(t.Context(), b))
	requireAll(t, func() (string, bool) {
		d, ok, err := channel.Get(name, true)
		require.NoError(t, err)
		return d.MessageId, ok
	}, ids)
	outputtest.Happened(t, outputtest.Slow, outputtest.Delivered, "through 256 bytes every 2 ms")

	b, ids = frames(50)
	go func() {
		time.Sleep(20 * time.Millisecond) // in the batch
		way.cut()
	}()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	err = out.Send(ctx, b)
	cancel()
	require.Error(t, err)
	require.NotErrorIs(t, err, message.ErrPermanent)
	forward(t, way.Addr().String(), at.Host, 0)
	require.Empty(t, outputtest.Deliver(t, out, b))
	requireAll(t, func() (string, bool) {
		d, ok, err := channel.Get(name, true)
		require.NoError(t, err)
		return d.MessageId, ok
	}, ids)
	outputtest.Happened(t, outputtest.Restart, outputtest.Kept, "sent again until the broker was back: all 50 messages there, some twice under one id")
}

// requireAll takes messages until none is left; each of ids must be among them.
func requireAll(t *testing.T, next func() (string, bool), ids map[string]string) {
	t.Helper()
	got := map[string]bool{}
	for id, ok := next(); ok; id, ok = next() {
		got[id] = true
	}
	for id := range ids {
		require.True(t, got[id], "message %s", id)
	}
}

// TestRealRefusals are answers of a real broker that refuses.
func TestRealRefusals(t *testing.T) {
	broker := testserver.URL(t, "RABBITMQ")
	b, _ := frames(3)
	try := func(change func(*amqp.Config)) {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		err := open(t, func(c *amqp.Config) { c.URL = broker; change(c) }).Send(ctx, b)
		require.Error(t, err)
		require.NotErrorIs(t, err, message.ErrPermanent)
	}
	try(func(c *amqp.Config) { c.Exchange, c.Declare = "tocsin-not-there", false })
	try(func(c *amqp.Config) { c.URL = broker + "nowhere" })
	outputtest.Happened(t, outputtest.BadRequest, outputtest.Kept, "no such exchange, no such vhost, wrong password: can be mended")
	outputtest.Happened(t, outputtest.ServerError, outputtest.Kept, "the broker closes the channel or the connection; both are opened again")
	try(func(c *amqp.Config) { c.URL = "amqps" + broker[len("amqp"):] })
	outputtest.Happened(t, outputtest.TLS, outputtest.Kept, "TLS to a broker without it")
}
