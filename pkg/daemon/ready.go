package daemon

import (
	"net"
	"time"

	"github.com/tocsin-lma/tocsin/pkg/pipeline"
)

// boundEvery is how often a starting daemon looks whether its inputs listen.
const boundEvery = 5 * time.Millisecond

// bound reports whether an input that listens has its address. Inputs that do not
// listen always are.
func bound(in pipeline.Input) bool {
	switch in := in.(type) {
	case interface{ Bound() bool }:
		return in.Bound()
	case interface{ Addr() net.Addr }:
		return in.Addr() != nil
	case interface{ Addr() *net.TCPAddr }:
		return in.Addr() != nil
	}
	return true
}

// unbound names the inputs that are to listen and do not yet.
func (g *generation) unbound() (names []string) {
	for _, spec := range g.parts.spec.Inputs {
		if !bound(spec.Input) {
			names = append(names, spec.Name)
		}
	}
	return names
}

// starting tells when a generation listens: to who waits for the daemon, once, and
// to systemd.
type starting struct {
	d    *Daemon
	g    *generation
	tick *time.Ticker // nil: it is ready
}

func (d *Daemon) starting(g *generation) *starting {
	return &starting{d, g, time.NewTicker(boundEvery)}
}

// C delivers while it is not known that everything listens.
func (s *starting) C() <-chan time.Time {
	if s.tick == nil {
		return nil
	}
	return s.tick.C
}

// look tells that the generation is ready when it is.
func (s *starting) look() {
	if s.tick == nil || len(s.g.unbound()) > 0 {
		return
	}
	s.stop()
	if ready := s.d.opt.Ready; ready != nil && !s.d.wasReady {
		ready(s.d)
	}
	s.d.wasReady = true
	notifySystemd("READY=1\nSTATUS=running")
}

func (s *starting) stop() {
	if s.tick != nil {
		s.tick.Stop()
		s.tick = nil
	}
}
