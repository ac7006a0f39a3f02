package decoders_test

import (
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/pkg/decoders"
	"github.com/tocsin-lma/tocsin/pkg/message"
)

// partial emits one message and says that two of three parts were bad.
type partial struct{ why error }

func (p partial) Decode(raw *message.Message, emit message.Emit) error {
	if err := emit(raw); err != nil {
		return err
	}
	return &decoders.Partly{Rejected: 2, Of: 3, Err: p.why}
}

// TestPartlyRejected: each bad part is counted, what was in order is not doubled.
func TestPartlyRejected(t *testing.T) {
	why := errors.New("no plugin")
	multi, err := decoders.NewMulti([]decoders.Named{{Name: "a", Decoder: partial{why}}, {Name: "b", Decoder: &decoders.Noop{}}}, decoders.All, false, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	first, err := decoders.NewMulti([]decoders.Named{{Name: "a", Decoder: partial{why}}, {Name: "b", Decoder: &decoders.Noop{}}}, decoders.FirstWins, false, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	for name, d := range map[string]decoders.Decoder{"alone": partial{why}, "all": multi, "first wins": first} {
		rejects := decoders.NewRejects(slog.New(slog.DiscardHandler), time.Now)
		key := decoders.RejectKey{Stream: "s", Decoder: "d"}
		c := &decoders.Counted{Decoder: d, Rejects: rejects, Key: key, Forward: true}
		emitted := 0
		require.NoError(t, c.Decode(&message.Message{Logger: "s"}, func(*message.Message) error { emitted++; return nil }), name)
		require.Equal(t, 1, emitted, name)
		require.EqualValues(t, 2, rejects.Counts()[key], name)
		require.ErrorIs(t, d.Decode(&message.Message{}, func(*message.Message) error { return nil }), why, name)
	}
}
