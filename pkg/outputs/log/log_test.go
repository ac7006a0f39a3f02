package log_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tocsin-lma/tocsin/pkg/message"
	"github.com/tocsin-lma/tocsin/pkg/outputs/log"
)

func TestStreams(t *testing.T) {
	var stdout, stderr, own bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&own, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}))
	for _, stream := range []string{"stdout", "stderr", "slog"} {
		out, err := log.New(log.Config{Stream: stream}, logger, &stdout, &stderr)
		require.NoError(t, err)
		require.NoError(t, out.Send(t.Context(), []byte("to "+stream+"\nmore\n")))
	}
	require.Equal(t, "to stdout\nmore\n", stdout.String())
	require.Equal(t, "to stderr\nmore\n", stderr.String())
	require.Equal(t, "level=INFO msg=\"to slog\"\nlevel=INFO msg=more\n", own.String())
	_, err := log.New(log.Config{Stream: "nowhere"}, logger, &stdout, &stderr)
	require.Error(t, err)
}

type shortWriter int

func (w shortWriter) Write(b []byte) (int, error) {
	return min(int(w), len(b)), errors.New("pipe is gone")
}

func TestShortWrite(t *testing.T) {
	for taken, rest := range map[int]string{0: "", 3: "", 4: "two\nthree\n", 6: "two\nthree\n", 8: "three\n"} {
		out, err := log.New(log.DefaultConfig(), nil, shortWriter(taken), nil)
		require.NoError(t, err)
		err = out.Send(t.Context(), []byte("one\ntwo\nthree\n"))
		require.ErrorContains(t, err, "pipe is gone")
		var partial *message.SendError
		require.Equal(t, rest != "", errors.As(err, &partial))
		if rest != "" {
			require.Equal(t, rest, string(partial.Retry))
		}
	}
}

func TestCanceled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var stdout bytes.Buffer
	out, err := log.New(log.DefaultConfig(), nil, &stdout, nil)
	require.NoError(t, err)
	require.ErrorIs(t, out.Send(ctx, []byte("one\n")), context.Canceled)
	require.Empty(t, stdout.String())
}
