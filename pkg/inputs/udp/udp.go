// Package udp accepts records in datagrams, over UDP or a unix datagram socket.
//
// Invariant: one goroutine reads, emits and commits; a datagram that comes while
// it is held up waits in the kernel's buffer, and is lost there when that is
// full, as UDP has it.
//
//	Run (1): reads, splits, emits; commits when nothing more waits
package udp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strconv"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/tocsin-lma/tocsin/pkg/inputs"
	"github.com/tocsin-lma/tocsin/pkg/message"
	"github.com/tocsin-lma/tocsin/pkg/splitter"
)

// maxDatagram is the size of the largest datagram in bytes.
const maxDatagram = 64 << 10

// settle is how long to wait for more datagrams before a commit.
const settle = 20 * time.Millisecond

// Config is the section of a UDP input.
type Config struct {
	Net         string `yaml:"net"`     // udp, udp4, udp6 or unixgram
	Address     string `yaml:"address"` // host, host:port, or the path of a unix socket
	Port        int    `yaml:"port"`
	SetHostname bool   `yaml:"set_hostname"` // the sender's address instead of this host's name
	ReadBuffer  int    `yaml:"read_buffer"`  // bytes the kernel may hold; 0: its default
}

// DefaultConfig returns the settings that hold when the model says nothing.
func DefaultConfig() Config {
	return Config{Net: "udp", Address: "127.0.0.1", Port: 5565, ReadBuffer: 4 << 20}
}

// Options is what the daemon adds to the model.
type Options struct {
	Name     string          // of the input
	Hostname string          // of text records
	Splitter splitter.Config // zero value: a datagram is a record
	Type     string          // of text records; default: the input's name
	Logger   *slog.Logger
}

// Input is a UDP listener.
type Input struct {
	cfg     Config
	opt     Options
	address string
	split   *splitter.Limited
	framed  bool
	ids     inputs.Identities
	addr    atomic.Pointer[net.Addr]
	stats   counters
	msg     message.Message
}

type counters struct{ messages, malformed, tooLong atomic.Uint64 }

// Stats counts what an input did since its start.
type Stats struct{ Messages, Malformed, TooLong uint64 }

// New makes the input. It listens when it runs.
func New(cfg Config, opt Options) (*Input, error) {
	switch cfg.Net {
	case "":
		cfg.Net = "udp"
	case "udp", "udp4", "udp6", "unixgram":
	default:
		return nil, fmt.Errorf("read udp input: net %q: want udp, udp4, udp6 or unixgram", cfg.Net)
	}
	if cfg.Port < 0 || cfg.Port > 65535 {
		return nil, fmt.Errorf("read udp input: port %d: want 0 to 65535", cfg.Port)
	}
	if opt.Splitter.Engine == "" {
		opt.Splitter.Engine = "null"
	}
	if opt.Logger == nil {
		opt.Logger = slog.New(slog.DiscardHandler)
	}
	if opt.Type == "" {
		opt.Type = opt.Name
	}
	in := &Input{cfg: cfg, opt: opt, address: cfg.Address, framed: opt.Splitter.Framed()}
	if _, _, err := net.SplitHostPort(cfg.Address); err != nil && cfg.Net != "unixgram" {
		in.address = net.JoinHostPort(cfg.Address, strconv.Itoa(cfg.Port))
	}
	var err error
	in.split, err = splitter.New(opt.Splitter)
	return in, err
}

// Addr returns the address the input listens on; nil before it does.
func (in *Input) Addr() net.Addr {
	if a := in.addr.Load(); a != nil {
		return *a
	}
	return nil
}

// Stats returns the counts so far.
func (in *Input) Stats() Stats {
	return Stats{in.stats.messages.Load(), in.stats.malformed.Load(), in.stats.tooLong.Load()}
}

// Run listens until ctx ends.
func (in *Input) Run(ctx context.Context, open message.OpenStream) error {
	c, err := (&net.ListenConfig{}).ListenPacket(ctx, in.cfg.Net, in.address)
	if err != nil {
		return inputs.ListenError(in.opt.Name, "address or port", in.address, err)
	}
	defer c.Close()
	if b, ok := c.(interface{ SetReadBuffer(int) error }); ok && in.cfg.ReadBuffer > 0 {
		_ = b.SetReadBuffer(in.cfg.ReadBuffer) // the kernel gives what it allows
	}
	addr := c.LocalAddr()
	in.addr.Store(&addr)
	s, err := open(in.opt.Name)
	if err != nil {
		return fmt.Errorf("open stream %s: %w", in.opt.Name, err)
	}
	stream := inputs.Share(s)
	stop := context.AfterFunc(ctx, func() { _ = c.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	err = in.read(ctx, c, stream)
	return errors.Join(err, stream.Close())
}

func (in *Input) read(ctx context.Context, c net.PacketConn, stream *inputs.Stream) error {
	buf := make([]byte, maxDatagram)
	waiting := 0
	committed := time.Now()
	for ctx.Err() == nil {
		wait := inputs.CommitEvery
		if waiting > 0 {
			wait = settle
		}
		_ = c.SetReadDeadline(time.Now().Add(wait))
		if ctx.Err() != nil {
			break
		}
		n, from, err := c.ReadFrom(buf)
		idle := errors.Is(err, os.ErrDeadlineExceeded)
		if err != nil && !idle && ctx.Err() == nil && errors.Is(err, net.ErrClosed) {
			return fmt.Errorf("read datagram: %w", err)
		}
		if n > 0 {
			if err := in.datagram(stream, buf[:n], from); err != nil {
				return err
			}
			waiting++
		}
		if idle || time.Since(committed) > inputs.CommitEvery {
			if err := stream.Commit(ctx); err != nil && ctx.Err() == nil {
				return fmt.Errorf("commit datagrams: %w", err)
			}
			waiting, committed = 0, time.Now()
		}
	}
	return nil
}

func (in *Input) datagram(stream *inputs.Stream, data []byte, from net.Addr) error {
	for used := 0; used < len(data); {
		record, advance, err := in.split.Split(data[used:], true)
		if size, tooLong := splitter.IsTooLong(err); tooLong {
			in.stats.tooLong.Add(1)
			in.opt.Logger.Warn("record too long", "input", in.opt.Name, "size", size, "limit", in.split.Limit())
		}
		if advance == 0 {
			break
		}
		used += advance
		if record == nil {
			continue
		}
		if err := in.emit(stream, record, from); err != nil {
			return fmt.Errorf("emit record: %w", err)
		}
	}
	in.split.Reset()
	return nil
}

func (in *Input) emit(stream *inputs.Stream, record []byte, from net.Addr) error {
	m := &in.msg
	text := unsafe.String(unsafe.SliceData(record), len(record)) // valid until Emit returns
	if in.framed {
		if err := m.UnmarshalString(text); err != nil {
			in.stats.malformed.Add(1)
			return nil
		}
	} else {
		m.Reset()
		m.Timestamp, m.Type, m.Logger, m.Hostname, m.Payload = time.Now().UnixNano(), in.opt.Type, in.opt.Name, in.opt.Hostname, text
		remote := ""
		if from != nil {
			remote = from.String()
		}
		if host, _, err := net.SplitHostPort(remote); err == nil && in.cfg.SetHostname {
			m.Hostname = host
		}
		m.AddString("RemoteAddr", remote)
	}
	if m.UUID.IsZero() {
		m.UUID = in.ids.Next()
	}
	in.stats.messages.Add(1)
	return stream.Emit(m)
}
