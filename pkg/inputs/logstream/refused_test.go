package logstream_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/pkg/inputs/logstream"
	"github.com/tocsin-lma/tocsin/pkg/message"
)

// refusing is a stream that takes so many records.
type refusing struct {
	*recorder
	left int
}

func (r *refusing) Emit(m *message.Message) error {
	if r.left == 0 {
		return errKilled
	}
	r.left--
	return r.recorder.Emit(m)
}

// TestACopyIsKnownAfterARefusedRecord: a queue refuses a record in the middle of a
// chunk, the input ends, and what is left of the file is a copy that was made
// before its last lines were written. Its lines keep their identities.
func TestACopyIsKnownAfterARefusedRecord(t *testing.T) {
	b := newBench(t)
	line := func(n int) string { return strings.Repeat(string(rune('a'+n)), 40) + "\n" }
	var text string
	for n := range 10 {
		text += line(n)
	}
	b.write("nova/nova-api.log", text)
	begin := func(s message.Stream) *logstream.Steps {
		in, err := logstream.New(b.cfg, b.opt)
		require.NoError(t, err)
		steps, err := logstream.Begin(in, func(string) (message.Stream, error) { return s, nil })
		require.NoError(t, err)
		require.NoError(t, steps.Scan())
		return steps
	}
	first := &refusing{recorder: &recorder{}, left: 8}
	steps := begin(first)
	require.ErrorIs(t, steps.Poll(t.Context()), errKilled)
	require.NoError(t, steps.Stop())

	b.write("nova/nova-api.log.1", text[:5*41])
	require.NoError(t, os.Truncate(b.path("nova/nova-api.log"), 0))
	second := &recorder{}
	steps = begin(second)
	require.NoError(t, steps.Poll(t.Context()))
	require.Equal(t, first.records[:5], second.records)
	require.Equal(t, first.ids[:5], second.ids)
	require.NoError(t, steps.Stop())
}
