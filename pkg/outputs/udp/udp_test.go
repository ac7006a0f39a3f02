package udp_test

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tocsin-lma/tocsin/pkg/message"
	"github.com/tocsin-lma/tocsin/pkg/outputs/stream"
	"github.com/tocsin-lma/tocsin/pkg/outputs/udp"
)

func open(t *testing.T, address string) *udp.Output {
	t.Helper()
	cfg := udp.DefaultConfig()
	cfg.Address, cfg.MaxMessageSize = address, 100
	out, err := udp.New(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { _ = out.Close() })
	return out
}

func TestItems(t *testing.T) {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	defer conn.Close()
	out := open(t, conn.LocalAddr().String())
	require.NoError(t, out.Send(t.Context(), nil))
	m := message.Message{UUID: message.NewUUID(), Timestamp: 1, Type: "t\n"}
	frame := string(message.AppendFramed(nil, &m))
	require.NoError(t, out.Send(t.Context(), []byte("one\ntwo")))
	require.NoError(t, out.Send(t.Context(), []byte(frame+frame)))
	tooLong := strings.Repeat("x", 101) + "\n"
	var partial *message.SendError
	require.ErrorAs(t, out.Send(t.Context(), []byte("three\n"+tooLong+"four\n")), &partial)
	require.Empty(t, partial.Retry)
	require.Len(t, partial.Rejected, 1)
	require.Equal(t, tooLong, string(partial.Rejected[0].Item))
	buf := make([]byte, 4096)
	for _, want := range []string{"one", "two", frame, frame, "three", "four"} {
		require.NoError(t, conn.SetReadDeadline(time.Now().Add(time.Minute)))
		n, _, err := conn.ReadFrom(buf)
		require.NoError(t, err)
		require.Equal(t, want, string(buf[:n]))
	}
}

func TestNobodyListens(t *testing.T) {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, conn.Close())
	err = open(t, conn.LocalAddr().String()).Send(t.Context(), []byte("one\ntwo\n"))
	require.ErrorContains(t, err, "refused")
	require.NotErrorIs(t, err, message.ErrPermanent)
}

func TestNoSuchHost(t *testing.T) {
	require.Error(t, open(t, "tocsin-no-such-host.invalid:9").Send(t.Context(), []byte("one\n")))
}

func TestCanceled(t *testing.T) {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	defer conn.Close()
	cfg := udp.Config{Config: stream.Config{Address: conn.LocalAddr().String()}, Gap: time.Hour}
	out, err := udp.New(cfg)
	require.NoError(t, err)
	defer out.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		_, _, _ = conn.ReadFrom(make([]byte, 10)) // the first one
		cancel()
	}()
	var partial *message.SendError
	require.ErrorAs(t, out.Send(ctx, []byte("one\ntwo\n")), &partial)
	require.Equal(t, "two\n", string(partial.Retry), "what was sent is not sent again")
}

func TestConfigErrors(t *testing.T) {
	for _, c := range []udp.Config{{}, {Net: "unix", Config: stream.Config{Address: "h:1"}}} {
		_, err := udp.New(c)
		require.Error(t, err)
	}
}
