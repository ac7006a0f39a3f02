package logstream

import (
	"context"
	"os"
	"time"

	"github.com/tocsin-lma/tocsin/pkg/message"
)

// Steps drives an input without goroutines, so that a test decides what happens
// between any two of its steps.
type Steps struct {
	in   *Input
	open message.OpenStream
}

// Begin is the start of a process.
func Begin(in *Input, open message.OpenStream) (*Steps, error) {
	return &Steps{in: in, open: open}, os.MkdirAll(in.dir, 0o700)
}

// Scan lists the files and hands them to their streams.
func (s *Steps) Scan() error {
	now := time.Now()
	streams, _ := s.in.catalogue(now)
	for name := range streams {
		if s.in.streams[name] != nil {
			continue
		}
		out, err := s.open(name)
		if err != nil {
			return err
		}
		if s.in.streams[name], err = s.in.newStream(name, out, true); err != nil {
			return err
		}
	}
	for name, st := range s.in.streams {
		st.offer(streams[name])
		st.arrange(now)
	}
	return nil
}

// Poll reads what has come.
func (s *Steps) Poll(ctx context.Context) error {
	for _, st := range s.in.streams {
		if err := st.poll(ctx, time.Now()); err != nil {
			return err
		}
	}
	return nil
}

// Stop ends the process as SIGTERM does.
func (s *Steps) Stop() error {
	for _, st := range s.in.streams {
		if err := st.stop(); err != nil {
			return err
		}
	}
	return nil
}

// Kill ends the process as SIGKILL does: nothing is written any more.
func (s *Steps) Kill() {
	for _, st := range s.in.streams {
		for _, f := range st.files {
			f.close()
		}
	}
}
