package tcp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/tocsin-lma/tocsin/pkg/inputs"
	"github.com/tocsin-lma/tocsin/pkg/message"
	"github.com/tocsin-lma/tocsin/pkg/splitter"
)

// Input is a TCP listener.
type Input struct {
	cfg     Config
	opt     Options
	address string
	tls     *tls.Config
	frames  message.FrameOptions
	ids     inputs.Identities
	addr    atomic.Pointer[net.Addr]
	stats   counters

	mu    sync.Mutex
	conns map[net.Conn]struct{}
}

type counters struct {
	accepted, refused, messages, malformed, tooLong, skipped, oversized, badSignatures, acks atomic.Uint64
}

// Stats counts what an input did since its start.
type Stats struct {
	Connections   int    // open now
	Accepted      uint64 // connections
	Refused       uint64 // connections over max_connections
	Messages      uint64
	Malformed     uint64 // frames whose content is no message
	TooLong       uint64 // records or frames over the limit
	SkippedBytes  uint64 // that belong to no frame
	BadSignatures uint64
	Acks          uint64
}

// New makes the input. It listens when it runs.
func New(cfg Config, opt Options) (*Input, error) {
	if opt.Splitter.Engine == "" {
		opt.Splitter.Engine = "framing"
	}
	if _, err := splitter.New(opt.Splitter); err != nil {
		return nil, err
	}
	if opt.Logger == nil {
		opt.Logger = slog.New(slog.DiscardHandler)
	}
	if opt.Type == "" {
		opt.Type = opt.Name
	}
	in := &Input{opt: opt, conns: map[net.Conn]struct{}{}}
	var err error
	if in.address, in.tls, err = cfg.check(); err != nil {
		return nil, err
	}
	in.cfg = cfg
	in.frames = message.FrameOptions{MaxMessage: cfg.MaxMessageSize, RequireSigned: opt.Splitter.RequireSigned}
	if len(opt.Splitter.Signer) > 0 && !opt.Splitter.SkipAuth {
		in.frames.Keys = map[string][]byte{}
		for name, s := range opt.Splitter.Signer {
			in.frames.Keys[name] = []byte(s.HMACKey)
		}
	}
	return in, nil
}

// Addr returns the address the input listens on; nil before it does.
func (in *Input) Addr() net.Addr {
	if a := in.addr.Load(); a != nil {
		return *a
	}
	return nil
}

// Run listens and serves until ctx ends.
func (in *Input) Run(ctx context.Context, open message.OpenStream) error {
	period := time.Duration(-1)
	if in.cfg.KeepAlive {
		period = in.cfg.KeepAlivePeriod
	}
	listener, err := (&net.ListenConfig{KeepAlive: period}).Listen(ctx, in.cfg.Net, in.address)
	if err != nil {
		return inputs.ListenError(in.opt.Name, "address or port", in.address, err)
	}
	addr := listener.Addr()
	in.addr.Store(&addr)
	if in.tls != nil {
		listener = tls.NewListener(listener, in.tls)
	}
	group, ctx := errgroup.WithContext(ctx)
	shared, err := in.shared(ctx, group, open)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	stop := context.AfterFunc(ctx, func() {
		_ = listener.Close()
		in.closeAll()
	})
	defer stop()
	var serving sync.WaitGroup
	err = in.acceptLoop(ctx, listener, func(c net.Conn) {
		serving.Go(func() { in.serve(ctx, c, shared, open) })
	})
	serving.Wait()
	if shared != nil {
		err = errors.Join(err, shared.Close())
	}
	if ctx.Err() == nil { // accepting failed: nothing else would end the beat
		return err
	}
	return errors.Join(err, group.Wait())
}

// shared opens the one stream that all framed connections use: every frame is a
// message of its own, so nothing depends on who sent the one before it. Text
// needs a stream for each connection.
func (in *Input) shared(ctx context.Context, group *errgroup.Group, open message.OpenStream) (*inputs.Stream, error) {
	if !in.opt.Splitter.Framed() {
		return nil, nil
	}
	s, err := open(in.opt.Name)
	if err != nil {
		return nil, fmt.Errorf("open stream %s: %w", in.opt.Name, err)
	}
	shared := inputs.Share(s)
	shared.Repeats()
	group.Go(func() error { return shared.Beat(ctx) })
	return shared, nil
}

func (in *Input) acceptLoop(ctx context.Context, listener net.Listener, serve func(net.Conn)) error {
	for pause := time.Duration(0); ; {
		c, err := listener.Accept()
		if ctx.Err() != nil {
			if err == nil {
				_ = c.Close()
			}
			return nil
		}
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return fmt.Errorf("accept connections on %s: %w", in.address, err)
			}
			pause = min(max(2*pause, 5*time.Millisecond), time.Second) // out of descriptors, perhaps
			in.opt.Logger.Warn("connection not accepted", "input", in.opt.Name, "error", err)
			select {
			case <-time.After(pause):
			case <-ctx.Done():
			}
			continue
		}
		pause = 0
		if !in.enter(c) {
			in.stats.refused.Add(1)
			_ = c.Close()
			continue
		}
		in.stats.accepted.Add(1)
		serve(c)
	}
}

func (in *Input) enter(c net.Conn) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	if len(in.conns) >= in.cfg.MaxConnections {
		return false
	}
	in.conns[c] = struct{}{}
	return true
}

func (in *Input) leave(c net.Conn) {
	_ = c.Close()
	in.mu.Lock()
	delete(in.conns, c)
	in.mu.Unlock()
}

func (in *Input) closeAll() {
	in.mu.Lock()
	defer in.mu.Unlock()
	for c := range in.conns {
		_ = c.SetReadDeadline(time.Unix(1, 0)) // what was read is still committed and answered
	}
}

func (in *Input) serve(ctx context.Context, c net.Conn, shared *inputs.Stream, open message.OpenStream) {
	defer in.leave(c)
	var err error
	if shared != nil {
		err = in.readFrames(ctx, c, shared)
	} else {
		err = in.readText(ctx, c, open)
	}
	if err != nil && ctx.Err() == nil {
		in.opt.Logger.Info("connection closed", "input", in.opt.Name, "from", c.RemoteAddr().String(), "error", err)
	}
}

// extend gives the far side another idle_timeout.
func (in *Input) extend(ctx context.Context, c net.Conn) {
	if in.cfg.IdleTimeout > 0 && ctx.Err() == nil {
		_ = c.SetReadDeadline(time.Now().Add(in.cfg.IdleTimeout))
		if ctx.Err() != nil { // closeAll came between
			_ = c.SetReadDeadline(time.Unix(1, 0))
		}
	}
}

// Stats returns the counts so far.
func (in *Input) Stats() Stats {
	in.mu.Lock()
	n := len(in.conns)
	in.mu.Unlock()
	return Stats{
		Connections: n, Accepted: in.stats.accepted.Load(), Refused: in.stats.refused.Load(), Messages: in.stats.messages.Load(),
		Malformed: in.stats.malformed.Load(), TooLong: in.stats.tooLong.Load() + in.stats.oversized.Load(), SkippedBytes: in.stats.skipped.Load(),
		BadSignatures: in.stats.badSignatures.Load(), Acks: in.stats.acks.Load(),
	}
}
