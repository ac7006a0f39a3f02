package amqp

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/cespare/xxhash/v2"
	broker "github.com/rabbitmq/amqp091-go"

	"github.com/tocsin-lma/tocsin/pkg/inputs"
	"github.com/tocsin-lma/tocsin/pkg/message"
	"github.com/tocsin-lma/tocsin/pkg/splitter"
)

// Input is a consumer of one queue.
type Input struct {
	cfg     Config
	opt     Options
	address string
	tls     *tls.Config
	split   *splitter.Limited
	ids     inputs.Identities
	unacked []uint64 // tags of what was emitted, in order
	stats   counters
}

type counters struct{ messages, malformed, tooLong, connects atomic.Uint64 }

// Stats counts what an input did since its start.
type Stats struct{ Messages, Malformed, TooLong, Connects uint64 }

// New makes the input. It connects when it runs.
func New(cfg Config, opt Options) (*Input, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	if opt.Splitter.Engine == "" {
		opt.Splitter.Engine = "null"
	}
	if opt.Logger == nil {
		opt.Logger = slog.New(slog.DiscardHandler)
	}
	in := &Input{cfg: cfg, opt: opt}
	var err error
	if in.address, err = cfg.address(); err != nil {
		return nil, err
	}
	if cfg.secure() {
		if in.tls, err = cfg.tls().Client(); err != nil {
			return nil, fmt.Errorf("read amqp input: %w", err)
		}
	}
	if in.split, err = splitter.New(opt.Splitter); err != nil {
		return nil, err
	}
	return in, nil
}

// Stats returns the counts so far.
func (in *Input) Stats() Stats {
	return Stats{in.stats.messages.Load(), in.stats.malformed.Load(), in.stats.tooLong.Load(), in.stats.connects.Load()}
}

// Run consumes until ctx ends. A lost connection is made again, with growing
// pauses.
func (in *Input) Run(ctx context.Context, open message.OpenStream) error {
	stream, err := open(in.opt.Name)
	if err != nil {
		return fmt.Errorf("open stream %s: %w", in.opt.Name, err)
	}
	if r, ok := stream.(interface{ Repeats() }); ok {
		r.Repeats() // what was not confirmed is delivered again
	}
	err = in.loop(ctx, stream)
	bounded, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return errors.Join(err, stream.Close(bounded))
}

// errStream marks failures of our own side: they end Run, while those of the
// broker are waited out.
var errStream = errors.New("the stream takes no more")

func (in *Input) loop(ctx context.Context, stream message.Stream) error {
	delay, failing := time.Second, false
	for ctx.Err() == nil {
		began := time.Now()
		err := in.session(ctx, stream)
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, errStream):
			return err
		}
		if time.Since(began) > time.Minute {
			delay, failing = time.Second, false
		}
		if !failing {
			in.opt.Logger.Warn("broker not available", "input", in.opt.Name, "broker", in.shown(), "error", err)
		}
		failing = true
		if err := in.wait(ctx, stream, delay); err != nil {
			return err
		}
		delay = min(2*delay, in.cfg.MaxDelay)
	}
	return nil
}

// wait passes the time until the next attempt, committing meanwhile.
func (in *Input) wait(ctx context.Context, stream message.Stream, delay time.Duration) error {
	deadline := time.NewTimer(delay)
	defer deadline.Stop()
	beat := time.NewTicker(inputs.CommitEvery)
	defer beat.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-deadline.C:
			return nil
		case <-beat.C:
			if _, err := stream.Commit(ctx); err != nil && ctx.Err() == nil {
				return fmt.Errorf("commit deliveries: %w", err)
			}
		}
	}
}

// shown is the broker's address without the password.
func (in *Input) shown() string {
	u, err := url.Parse(in.address)
	if err != nil {
		return ""
	}
	return u.Redacted()
}

// session is the life of one connection.
func (in *Input) session(ctx context.Context, stream message.Stream) error {
	conn, err := broker.DialConfig(in.address, broker.Config{
		Heartbeat: in.cfg.Heartbeat, TLSClientConfig: in.tls, Dial: broker.DefaultDial(10 * time.Second),
		Properties: broker.Table{"connection_name": "tocsin " + in.opt.Name},
	})
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer conn.Close()
	channel, err := conn.Channel()
	if err != nil {
		return fmt.Errorf("open channel: %w", err)
	}
	deliveries, err := in.subscribe(channel)
	if err != nil {
		return err
	}
	in.stats.connects.Add(1)
	in.unacked = in.unacked[:0]
	return in.consume(ctx, channel, deliveries, stream)
}

func (in *Input) subscribe(channel *broker.Channel) (<-chan broker.Delivery, error) {
	c := in.cfg
	if err := channel.Qos(c.PrefetchCount, 0, false); err != nil {
		return nil, fmt.Errorf("set prefetch_count: %w", err)
	}
	queue := c.Queue
	if !c.ReadOnly {
		if c.Exchange != "" {
			if err := channel.ExchangeDeclare(c.Exchange, c.ExchangeType, c.ExchangeDurability, c.ExchangeAutoDelete, false, false, nil); err != nil {
				return nil, fmt.Errorf("declare exchange %s: %w", c.Exchange, err)
			}
		}
		var args broker.Table
		if c.QueueTTL > 0 {
			args = broker.Table{"x-message-ttl": int64(c.QueueTTL)}
		}
		q, err := channel.QueueDeclare(c.Queue, c.QueueDurability, c.QueueAutoDelete, c.QueueExclusive, false, args)
		if err != nil {
			return nil, fmt.Errorf("declare queue %s: %w", c.Queue, err)
		}
		queue = q.Name
		if c.Exchange != "" {
			if err := channel.QueueBind(queue, c.RoutingKey, c.Exchange, false, nil); err != nil {
				return nil, fmt.Errorf("bind queue %s to exchange %s: %w", queue, c.Exchange, err)
			}
		}
	}
	deliveries, err := channel.Consume(queue, "", false, c.QueueExclusive, false, false, nil)
	if err != nil {
		return nil, fmt.Errorf("consume queue %s: %w", queue, err)
	}
	return deliveries, nil
}

func (in *Input) consume(ctx context.Context, channel *broker.Channel, deliveries <-chan broker.Delivery, stream message.Stream) error {
	closed := channel.NotifyClose(make(chan *broker.Error, 1))
	beat := time.NewTicker(inputs.CommitEvery)
	defer beat.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-beat.C:
			if err := in.settle(ctx, channel, stream); err != nil {
				return err
			}
		case d, ok := <-deliveries:
			if !ok {
				if reason := <-closed; reason != nil {
					return fmt.Errorf("consume: %w", reason)
				}
				return errors.New("consume: the connection was closed")
			}
			if err := in.take(d, stream); err != nil {
				return err
			}
			if len(deliveries) == 0 || len(in.unacked) >= in.cfg.PrefetchCount {
				if err := in.settle(ctx, channel, stream); err != nil {
					return err
				}
			}
		}
	}
}

// settle commits what was emitted and acknowledges what no decoder holds back.
func (in *Input) settle(ctx context.Context, channel *broker.Channel, stream message.Stream) error {
	held, err := stream.Commit(ctx)
	if err != nil {
		return fmt.Errorf("%w: commit deliveries: %w", errStream, err)
	}
	if held >= in.cfg.PrefetchCount {
		held = 0 // the broker would send nothing more, and the decoder wait for ever
	}
	n := len(in.unacked) - held
	if n <= 0 {
		return nil
	}
	if err := channel.Ack(in.unacked[n-1], true); err != nil {
		return fmt.Errorf("acknowledge: %w", err)
	}
	in.unacked = append(in.unacked[:0], in.unacked[n:]...)
	return nil
}

// take emits the records of a delivery.
func (in *Input) take(d broker.Delivery, stream message.Stream) error {
	id := in.identity(d)
	framed := in.opt.Splitter.Framed()
	in.split.Reset()
	for data, n := d.Body, 0; len(data) > 0; n++ {
		record, advance, err := in.split.Split(data, true)
		if size, tooLong := splitter.IsTooLong(err); tooLong {
			in.stats.tooLong.Add(1)
			in.opt.Logger.Warn("delivery too long", "input", in.opt.Name, "size", size, "limit", in.split.Limit())
		}
		if advance == 0 {
			break
		}
		data = data[advance:]
		if record == nil {
			continue
		}
		m := &message.Message{Timestamp: time.Now().UnixNano(), Type: "amqp", Logger: in.opt.Name, Hostname: in.opt.Hostname, Payload: string(record)}
		if framed {
			m = &message.Message{}
			if err := m.Unmarshal(record); err != nil {
				in.stats.malformed.Add(1)
				continue
			}
		}
		if m.UUID.IsZero() {
			m.UUID = id.Derive(n)
		}
		if err := stream.Emit(m); err != nil {
			return fmt.Errorf("%w: emit delivery: %w", errStream, err)
		}
		in.stats.messages.Add(1)
	}
	in.unacked = append(in.unacked, d.DeliveryTag)
	return nil
}

// identity derives a UUID from the message id and the body, or from a body that
// holds an id, as OpenStack's notifications do: a delivery that comes again has the
// same. An id alone is no identity: two publishers may both count from 1.
func (in *Input) identity(d broker.Delivery) message.UUID {
	switch {
	case d.MessageId != "":
		return message.DerivedUUID(xxhash.Sum64String(d.MessageId+"\x00"+d.Exchange), xxhash.Sum64(d.Body), 0)
	case bytes.Contains(d.Body, []byte("message_id")):
		return message.DerivedUUID(xxhash.Sum64(d.Body), uint64(len(d.Body)), 0)
	}
	return in.ids.Next()
}
