package stream_test

import (
	"errors"
	"net"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tocsin-lma/tocsin/pkg/outputs/stream"
	"github.com/tocsin-lma/tocsin/pkg/tlsconfig"
)

func TestTarget(t *testing.T) {
	for _, c := range []struct {
		cfg  stream.Config
		port int
		want string
	}{
		{stream.Config{Address: "h:1"}, 9, "h:1"},
		{stream.Config{Address: "h"}, 9, "h:9"},
		{stream.Config{Address: "h", Port: 5}, 9, "h:5"},
		{stream.Config{Host: "h"}, 9, "h:9"},
		{stream.Config{Host: "::1", Port: 5}, 9, "[::1]:5"},
		{stream.Config{Host: "h", Port: -1}, 9, ""},
		{stream.Config{Host: "h"}, 0, ""},
		{stream.Config{Address: "h"}, 0, ""},
		{stream.Config{}, 9, ""},
	} {
		got, err := c.cfg.Target(c.port)
		require.Equal(t, c.want, got)
		require.Equal(t, c.want == "", err != nil)
	}
	_, err := stream.New("tcp", "h:1", stream.Config{LocalAddress: "nonsense"})
	require.ErrorContains(t, err, "local_address")
	_, err = stream.New("tcp", "h:1", stream.Config{TLS: &tlsconfig.Config{RootCAFile: "/no/such/file"}})
	require.ErrorContains(t, err, "tls")
}

// TestReuse counts connections: a failed call ends one, a good call keeps it.
func TestReuse(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	opened := 0
	c, err := stream.New("tcp", l.Addr().String(), stream.Config{LocalAddress: "127.0.0.1:0", KeepAlive: true})
	require.NoError(t, err)
	c.OnOpen(func(net.Conn) { opened++ })
	good := func(net.Conn) error { return nil }
	failed := errors.New("failed")
	require.NoError(t, c.Do(t.Context(), good))
	require.NoError(t, c.Do(t.Context(), good))
	require.Equal(t, 1, opened)
	require.ErrorIs(t, c.Do(t.Context(), func(net.Conn) error { return failed }), failed)
	require.NoError(t, c.Do(t.Context(), good))
	require.Equal(t, 2, opened)
	require.NoError(t, c.Close())
	require.NoError(t, c.Close())
}
