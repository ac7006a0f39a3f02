package decoders_test

import (
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/pkg/decoders"
	"github.com/tocsin-lma/tocsin/pkg/message"
	"github.com/tocsin-lma/tocsin/pkg/sandbox"
)

// TestHeldRecordRejected checks that a record that was held back and then turns out
// to be in no known form is counted and forwarded itself, and ends nothing.
func TestHeldRecordRejected(t *testing.T) {
	now := time.Unix(1489400000, 0)
	clock := func() time.Time { return now }
	d, err := decoders.NewSandbox(sandbox.Options{Kind: sandbox.KindDecoder, Name: "d", Clock: clock, Source: []byte(`
		local l = require "lpeg"
		grammar = "+" * l.Cg(l.P(1)^0, "Payload")
		multiline = { start = l.S "+-" }`)}, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	rejects := decoders.NewRejects(slog.New(slog.DiscardHandler), clock)
	key := decoders.RejectKey{Stream: "s", Decoder: "d"}
	c := &decoders.Counted{Decoder: d, Rejects: rejects, Key: key, Forward: true}
	var got []string
	emit := func(m *message.Message) error {
		flag := ""
		if m.Field(decoders.FailureField) != nil {
			flag = "!"
		}
		got = append(got, flag+m.Payload)
		return nil
	}
	for _, line := range []string{"+a\n", "b\n", "-c\n", "d\n", "+e\n", "-f\n"} {
		require.NoError(t, c.Decode(&message.Message{Type: "logfile", Logger: "s", Payload: line}, emit))
	}
	require.NoError(t, c.Flush(now, false, emit))
	require.Equal(t, []string{"a\nb\n", "!-c\nd\n", "e\n", "!-f\n"}, got)
	require.Equal(t, map[decoders.RejectKey]int64{key: 2}, rejects.Counts())
	require.NoError(t, c.Close(emit))
}
