package demo

import (
	"context"
	"time"

	"github.com/tocsin-lma/tocsin/pkg/message"
)

// Generator is the generator of logs, for tests.
type Generator struct{ g *generator }

// NewGenerator makes one that writes below dir.
func NewGenerator(dir string, failing func() bool) (*Generator, error) {
	g, err := newGenerator(dir, failing)
	return &Generator{g}, err
}

// Write writes what a quarter of a second brings.
func (g *Generator) Write(now time.Time) error { return g.g.write(now) }

// Close closes the logs.
func (g *Generator) Close() {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_ = g.g.run(ctx)
}

// Volume is the measured folder, for tests.
type Volume interface {
	Run(ctx context.Context, open message.OpenStream) error
}

// NewVolume makes one.
func NewVolume(dir string, full func() bool) Volume { return newVolume(dir, full) }

// Switchable is a daemon that can be stopped, for tests.
type Switchable struct{ s *switchable }

// NewSwitchable makes one.
func NewSwitchable(start func(context.Context) error) Switchable {
	return Switchable{newSwitchable(start)}
}

// Set switches it.
func (s Switchable) Set(on bool) { s.s.set(on) }

// Run keeps it as it is wanted.
func (s Switchable) Run(ctx context.Context) error { return s.s.run(ctx) }

// CheckAddress is checkAddress.
func CheckAddress(address string) error { return checkAddress(address) }
