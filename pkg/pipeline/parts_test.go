package pipeline_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/pkg/buffer"
	"github.com/tocsin-lma/tocsin/pkg/message"
	"github.com/tocsin-lma/tocsin/pkg/pipeline"
)

// partsSink is an output that takes batches in parts.
type partsSink struct {
	*sink
	parts [][]string
	fail  func(attempt int) error
}

func (s *partsSink) SendParts(ctx context.Context, parts [][]byte) error {
	var texts []string
	for _, p := range parts {
		texts = append(texts, string(p))
	}
	s.parts = append(s.parts, texts)
	if err := s.fail(len(s.parts)); err != nil {
		return err
	}
	return s.Send(ctx, []byte(strings.Join(texts, "")))
}

func TestABatchInParts(t *testing.T) {
	whole := []string{"log:a\n", "log:b\n", "log:c\n"}
	for name, c := range map[string]struct {
		fail  func(attempt int) error
		parts [][]string
		got   []string
		dead  string
	}{
		"taken": {func(int) error { return nil }, [][]string{whole}, []string{"log:a", "log:b", "log:c"}, ""},
		"busy": {func(attempt int) error {
			if attempt < 3 {
				return errors.New("busy")
			}
			return nil
		}, [][]string{whole, whole, whole}, []string{"log:a", "log:b", "log:c"}, ""},
		"some are left": {func(int) error {
			return &message.SendError{Retry: []byte("log:b\nlog:c\n"), Err: errors.New("partial")}
		}, [][]string{whole}, []string{"log:b", "log:c"}, ""},
		"refused": {func(int) error { return fmt.Errorf("send: %w", message.ErrPermanent) }, [][]string{whole}, []string{}, `"item":"log:a\nlog:b\nlog:c\n"`},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, buffer.Options{})
			out := &partsSink{sink: r.sink, fail: c.fail}
			r.opt.Outputs[0].Output = out
			r.opt.Outputs[0].Batch = pipeline.BatchOptions{Bytes: 1 << 20, Count: 3, Interval: time.Minute}
			_, stop := r.start()
			r.put("a", "b", "c")
			require.Eventually(t, func() bool { return r.queue.Stats().Messages == 0 }, time.Minute, time.Millisecond)
			require.NoError(t, stop())
			require.Equal(t, c.parts, out.parts)
			require.Equal(t, c.got, r.sink.lines())
			dead, _ := os.ReadFile(filepath.Join(r.dir, "dead-letter", "sink.ndjson"))
			require.Contains(t, string(dead), c.dead)
		})
	}
}
