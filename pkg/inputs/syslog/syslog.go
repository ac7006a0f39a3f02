// Package syslog accepts syslog over UDP and TCP. Records are handed on as they
// are, for a syslog decoder; over TCP they are counted in octets or end at a line
// feed (RFC 6587), which is told from each record's first byte.
//
// Invariant: a record is never mixed with another connection's.
//
//	Run (1) -- udp (1)
//	        -- accept (1) --> connection (1 each)
package syslog

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/tocsin-lma/tocsin/pkg/inputs"
	"github.com/tocsin-lma/tocsin/pkg/inputs/udp"
	"github.com/tocsin-lma/tocsin/pkg/message"
)

// Config is the section of a syslog input.
type Config struct {
	Address        string        `yaml:"address"`
	Port           int           `yaml:"port"`
	Protocols      []string      `yaml:"protocols"` // udp, tcp; default both
	MaxMessageSize int           `yaml:"max_message_size"`
	MaxConnections int           `yaml:"max_connections"`
	IdleTimeout    time.Duration `yaml:"idle_timeout"`
}

// DefaultConfig returns the settings that hold when the model says nothing.
func DefaultConfig() Config {
	return Config{Address: "127.0.0.1", Port: 5514, MaxMessageSize: 64 << 10, MaxConnections: 1024, IdleTimeout: time.Hour}
}

// Options is what the daemon adds to the model.
type Options struct {
	Name     string
	Hostname string
	Logger   *slog.Logger
}

// Input listens for syslog.
type Input struct {
	cfg   Config
	opt   Options
	udp   *udp.Input
	tcp   bool
	ids   inputs.Identities
	addr  atomic.Pointer[net.Addr]
	stats counters
}

type counters struct{ messages, tooLong, malformed atomic.Uint64 }

// Stats counts what came over TCP.
type Stats struct{ Messages, TooLong, Malformed uint64 }

// New makes the input. It listens when it runs.
func New(cfg Config, opt Options) (*Input, error) {
	def := DefaultConfig()
	if cfg.MaxMessageSize <= 0 {
		cfg.MaxMessageSize = def.MaxMessageSize
	}
	if cfg.MaxConnections <= 0 {
		cfg.MaxConnections = def.MaxConnections
	}
	if len(cfg.Protocols) == 0 {
		cfg.Protocols = []string{"udp", "tcp"}
	}
	if opt.Logger == nil {
		opt.Logger = slog.New(slog.DiscardHandler)
	}
	in := &Input{cfg: cfg, opt: opt}
	for _, protocol := range cfg.Protocols {
		switch protocol {
		case "tcp":
			in.tcp = true
		case "udp":
			var err error
			in.udp, err = udp.New(udp.Config{Address: cfg.Address, Port: cfg.Port, ReadBuffer: 4 << 20},
				udp.Options{Name: opt.Name, Hostname: opt.Hostname, Type: "syslog", Logger: opt.Logger})
			if err != nil {
				return nil, err
			}
		default:
			return nil, fmt.Errorf("read syslog input: protocols: %q: want udp or tcp", protocol)
		}
	}
	return in, nil
}

// Addrs returns the addresses of the TCP and the UDP listener; nil for one that
// does not listen.
func (in *Input) Addrs() (tcp, udp net.Addr) {
	if a := in.addr.Load(); a != nil {
		tcp = *a
	}
	if in.udp != nil {
		udp = in.udp.Addr()
	}
	return tcp, udp
}

// Bound reports whether every listener has its address.
func (in *Input) Bound() bool {
	tcp, udp := in.Addrs()
	return (!in.tcp || tcp != nil) && (in.udp == nil || udp != nil)
}

// Stats returns the counts so far.
func (in *Input) Stats() Stats {
	return Stats{in.stats.messages.Load(), in.stats.tooLong.Load(), in.stats.malformed.Load()}
}

// Run listens until ctx ends.
func (in *Input) Run(ctx context.Context, open message.OpenStream) error {
	group, ctx := errgroup.WithContext(ctx)
	if in.udp != nil {
		group.Go(func() error { return in.udp.Run(ctx, open) })
	}
	if in.tcp {
		group.Go(func() error { return in.listen(ctx, open) })
	}
	return group.Wait()
}

func (in *Input) listen(ctx context.Context, open message.OpenStream) error {
	address := net.JoinHostPort(in.cfg.Address, strconv.Itoa(in.cfg.Port))
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return inputs.ListenError(in.opt.Name, "address or port", address, err)
	}
	addr := listener.Addr()
	in.addr.Store(&addr)
	listener = inputs.LimitListener(listener, in.cfg.MaxConnections)
	stop := context.AfterFunc(ctx, func() { _ = listener.Close() })
	defer stop()
	var serving sync.WaitGroup
	defer serving.Wait()
	for {
		c, err := listener.Accept()
		if ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			in.opt.Logger.Warn("connection not accepted", "input", in.opt.Name, "error", err)
			select {
			case <-time.After(100 * time.Millisecond):
			case <-ctx.Done():
			}
			continue
		}
		serving.Go(func() {
			if err := in.serve(ctx, c, open); err != nil {
				in.opt.Logger.Info("connection closed", "input", in.opt.Name, "from", c.RemoteAddr().String(), "error", err)
			}
		})
	}
}

func (in *Input) serve(ctx context.Context, c net.Conn, open message.OpenStream) error {
	defer c.Close()
	stop := context.AfterFunc(ctx, func() { _ = c.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	s, err := open(in.opt.Name)
	if err != nil {
		return fmt.Errorf("open stream %s: %w", in.opt.Name, err)
	}
	stream := inputs.Share(s)
	beating, cancel := context.WithCancel(ctx)
	var beat sync.WaitGroup
	beat.Go(func() {
		if stream.Beat(beating) != nil {
			_ = c.Close()
		}
	})
	err = in.read(ctx, c, stream)
	cancel()
	beat.Wait()
	return errors.Join(err, stream.Close())
}

func (in *Input) read(ctx context.Context, c net.Conn, stream *inputs.Stream) error {
	r := bufio.NewReaderSize(c, in.cfg.MaxMessageSize+1)
	from := c.RemoteAddr().String()
	for {
		if r.Buffered() == 0 && in.cfg.IdleTimeout > 0 && ctx.Err() == nil {
			_ = c.SetReadDeadline(time.Now().Add(in.cfg.IdleTimeout))
		}
		if ctx.Err() != nil {
			return nil
		}
		record, err := in.next(r, from)
		if record != "" {
			m := &message.Message{UUID: in.ids.Next(), Timestamp: time.Now().UnixNano(), Type: "syslog", Logger: in.opt.Name, Hostname: in.opt.Hostname, Payload: record}
			m.AddString("RemoteAddr", from)
			if err := stream.Emit(m); err != nil {
				return fmt.Errorf("emit record: %w", err)
			}
			in.stats.messages.Add(1)
		}
		switch {
		case errors.Is(err, io.EOF) || (err != nil && ctx.Err() != nil):
			return nil
		case err != nil:
			return fmt.Errorf("read: %w", err)
		case r.Buffered() == 0:
			if err := stream.Commit(ctx); err != nil {
				return fmt.Errorf("commit records: %w", err)
			}
		}
	}
}

// next reads one record; an empty one was refused.
func (in *Input) next(r *bufio.Reader, from string) (string, error) {
	first, err := r.Peek(1)
	if err != nil {
		return "", err
	}
	if c := first[0]; c >= '1' && c <= '9' {
		return in.counted(r, from)
	}
	line, err := r.ReadSlice('\n')
	if !errors.Is(err, bufio.ErrBufferFull) {
		return string(line), err
	}
	size := len(line)
	for errors.Is(err, bufio.ErrBufferFull) {
		line, err = r.ReadSlice('\n')
		size += len(line)
	}
	in.refuse(from, size)
	return "", err
}

// counted reads a record whose length in bytes stands before it.
func (in *Input) counted(r *bufio.Reader, from string) (string, error) {
	size := 0
	for range 8 {
		c, err := r.ReadByte()
		if err != nil {
			return "", err
		}
		if c == ' ' {
			break
		}
		if c < '0' || c > '9' {
			in.stats.malformed.Add(1)
			return "", fmt.Errorf("read the length of a record: %q is no digit", c)
		}
		size = size*10 + int(c-'0')
	}
	if size > in.cfg.MaxMessageSize {
		in.refuse(from, size)
		_, err := io.CopyN(io.Discard, r, int64(size))
		return "", err
	}
	record := make([]byte, size)
	_, err := io.ReadFull(r, record)
	if err != nil {
		return "", err
	}
	return string(record) + "\n", nil // as lines have it, for the decoders
}

func (in *Input) refuse(from string, size int) {
	in.stats.tooLong.Add(1)
	in.opt.Logger.Warn("record too long", "input", in.opt.Name, "from", from, "size", size, "limit", in.cfg.MaxMessageSize)
}
