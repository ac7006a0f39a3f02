package amqp_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"testing"
	"time"

	amqp091 "github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/require"
	"github.com/tocsin-lma/tocsin/internal/testserver"
	"github.com/tocsin-lma/tocsin/pkg/message"
	"github.com/tocsin-lma/tocsin/pkg/outputs/amqp"
)

func frames(n int) ([]byte, map[string]string) {
	var b []byte
	ids := map[string]string{}
	for i := range n {
		m := message.Message{UUID: message.NewUUID(), Timestamp: 1489399140500000000, Type: "log", Payload: fmt.Sprint("line\n", i)}
		ids[m.UUID.String()] = string(message.AppendFramed(nil, &m))
		b = message.AppendFramed(b, &m)
	}
	return b, ids
}

func open(t *testing.T, change func(*amqp.Config)) *amqp.Output {
	t.Helper()
	cfg := amqp.DefaultConfig()
	change(&cfg)
	out, err := amqp.New(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { _ = out.Close() })
	return out
}

// queue binds a queue to the exchange and returns it with a way to it.
func queue(t *testing.T, url, exchange, key string) (*amqp091.Channel, string) {
	t.Helper()
	conn, err := amqp091.Dial(url)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	channel, err := conn.Channel()
	require.NoError(t, err)
	require.NoError(t, channel.ExchangeDeclare(exchange, "topic", false, true, false, false, nil))
	q, err := channel.QueueDeclare("", false, true, true, false, nil)
	require.NoError(t, err)
	require.NoError(t, channel.QueueBind(q.Name, key, exchange, false, nil))
	return channel, q.Name
}

func TestRealConfirmed(t *testing.T) {
	url := testserver.URL(t, "RABBITMQ")
	exchange := fmt.Sprintf("tocsin-%d", time.Now().UnixNano())
	channel, name := queue(t, url, exchange, "logs")
	out := open(t, func(c *amqp.Config) {
		c.URL, c.Exchange, c.RoutingKey, c.AutoDelete, c.Mandatory = url, exchange, "logs", true, true
	})
	const n = 2500
	b, want := frames(n)
	for range 2 {
		require.NoError(t, out.Send(t.Context(), b))
	}
	got := map[string]string{}
	for range 2 * n {
		d, ok, err := channel.Get(name, true)
		require.NoError(t, err)
		require.True(t, ok)
		require.Equal(t, amqp091.Persistent, d.DeliveryMode)
		got[d.MessageId] = string(d.Body)
	}
	require.Equal(t, want, got, "what came twice has the same id")
	_, ok, err := channel.Get(name, true)
	require.NoError(t, err)
	require.False(t, ok)
}

func TestRealLinesAndBareMessages(t *testing.T) {
	url := testserver.URL(t, "RABBITMQ")
	exchange := fmt.Sprintf("tocsin-%d", time.Now().UnixNano())
	channel, name := queue(t, url, exchange, "k")
	out := open(t, func(c *amqp.Config) {
		c.URL, c.Exchange, c.RoutingKey, c.AutoDelete, c.UseFraming = url, exchange, "k", true, false
	})
	require.NoError(t, out.Send(t.Context(), []byte("one\ntwo\n")))
	m := message.Message{UUID: message.NewUUID(), Timestamp: 1, Type: "t"}
	require.NoError(t, out.Send(t.Context(), message.AppendFramed(nil, &m)))
	for _, want := range [][]byte{[]byte("one"), []byte("two"), message.AppendMessage(nil, &m)} {
		d, ok, err := channel.Get(name, true)
		require.NoError(t, err)
		require.True(t, ok)
		require.True(t, bytes.Equal(want, d.Body))
	}
}

func TestRealFailures(t *testing.T) {
	url := testserver.URL(t, "RABBITMQ")
	b, _ := frames(3)
	for name, change := range map[string]func(*amqp.Config){
		"reaches no queue": func(c *amqp.Config) {
			c.Exchange, c.RoutingKey, c.Mandatory = "amq.topic", "nobody.wants.this", true
			c.Declare = false
		},
		"no such exchange":   func(c *amqp.Config) { c.Exchange, c.Declare = "tocsin-not-there", false },
		"exchange differs":   func(c *amqp.Config) { c.Exchange, c.ExchangeType = "amq.topic", "fanout" },
		"wrong password":     func(c *amqp.Config) { c.URL = "amqp://guest:wrong@" + url[len("amqp://guest:guest@"):] },
		"no such vhost":      func(c *amqp.Config) { c.URL = url + "nowhere" },
		"TLS to a plain one": func(c *amqp.Config) { c.URL = "amqps" + url[len("amqp"):] },
	} {
		t.Run(name, func(t *testing.T) {
			out := open(t, func(c *amqp.Config) { c.URL = url; change(c) })
			for range 2 {
				ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
				err := out.Send(ctx, b)
				cancel()
				require.Error(t, err)
				require.NotErrorIs(t, err, message.ErrPermanent)
			}
		})
	}
}

// TestRealReconnects has the broker close the channel between batches.
func TestRealReconnects(t *testing.T) {
	url := testserver.URL(t, "RABBITMQ")
	exchange := fmt.Sprintf("tocsin-%d", time.Now().UnixNano())
	channel, name := queue(t, url, exchange, "k")
	out := open(t, func(c *amqp.Config) { c.URL, c.Exchange, c.RoutingKey, c.Declare = url, exchange, "k", false })
	b, _ := frames(3)
	require.NoError(t, out.Send(t.Context(), b))
	require.NoError(t, channel.ExchangeDelete(exchange, false, false))
	require.Error(t, out.Send(t.Context(), b), "the broker closes the channel")
	require.NoError(t, channel.ExchangeDeclare(exchange, "topic", false, true, false, false, nil))
	require.NoError(t, channel.QueueBind(name, "k", exchange, false, nil))
	require.NoError(t, out.Send(t.Context(), b))
}

// TestHangingAndGone needs no broker: one that never speaks, none, and no name.
func TestHangingAndGone(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	b, _ := frames(1)
	for _, address := range []string{l.Addr().String(), "127.0.0.1:1", "tocsin-no-such-host.invalid:5672"} {
		out := open(t, func(c *amqp.Config) { c.URL = "amqp://guest:guest@" + address })
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		start := time.Now()
		err = out.Send(ctx, b)
		cancel()
		require.Error(t, err)
		require.NotErrorIs(t, err, message.ErrPermanent)
		require.Less(t, time.Since(start), time.Minute, "it must notice the end of its context")
	}
}

func TestConfig(t *testing.T) {
	for _, c := range []amqp.Config{{URL: "http://host"}, {URL: "amqps://h", SSL: &amqp.SSL{CAFile: "/no/such/file"}}} {
		_, err := amqp.New(c)
		require.Error(t, err)
	}
}
