package tcp_test

import (
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tocsin-lma/tocsin/pkg/message"
	"github.com/tocsin-lma/tocsin/pkg/outputs/outputtest"
	"github.com/tocsin-lma/tocsin/pkg/outputs/tcp"
	"github.com/tocsin-lma/tocsin/pkg/tlsconfig"
)

func frames(n int) []byte {
	var b []byte
	for i := range n {
		m := message.Message{UUID: message.NewUUID(), Timestamp: 1489399140500000000, Type: "metric", Payload: fmt.Sprint(i)}
		b = message.AppendFramed(b, &m)
	}
	return b
}

// receive reads frames and, as a daemon of ours, answers each sync.
func receive(conn net.Conn, got func(id string)) {
	reader := message.NewFrameReader(conn, message.FrameOptions{})
	var m message.Message
	for {
		payload, err := reader.Next()
		if err != nil || m.Unmarshal(payload) != nil {
			return
		}
		if m.Type != tcp.SyncType {
			got(m.Payload)
			continue
		}
		m.Type = tcp.AckType
		if _, err = conn.Write(message.AppendFramed(nil, &m)); err != nil {
			return
		}
	}
}

func TestSuite(t *testing.T) {
	for _, ack := range []bool{true, false} {
		t.Run(fmt.Sprintf("ack %t", ack), func(t *testing.T) {
			outputtest.Stream{
				New: func(t *testing.T, address string, tls *tlsconfig.Config) outputtest.Output {
					cfg := tcp.DefaultConfig()
					cfg.Address, cfg.TLS, cfg.Ack = address, tls, ack
					out, err := tcp.New(cfg)
					require.NoError(t, err)
					t.Cleanup(func() { _ = out.Close() })
					return out
				},
				Batch:   frames,
				Serve:   receive,
				Answers: ack,
			}.Run(t)
		})
	}
}

// TestForeignAck has the far side answer an older number first, then the right one.
func TestForeignAck(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		reader := message.NewFrameReader(conn, message.FrameOptions{})
		var m message.Message
		for {
			payload, err := reader.Next()
			if err != nil || m.Unmarshal(payload) != nil {
				return
			}
			if m.Type == tcp.SyncType {
				old := message.Message{UUID: message.NewUUID(), Timestamp: 1, Type: tcp.AckType}
				old.AddInteger(tcp.SeqField, 1, "")
				m.Type = tcp.AckType
				_, _ = conn.Write(message.AppendFramed(message.AppendFramed(nil, &old), &m))
			}
		}
	}()
	out, err := tcp.New(tcp.Config{Ack: true, Config: dial(l)})
	require.NoError(t, err)
	defer out.Close()
	for range 3 {
		require.NoError(t, out.Send(t.Context(), frames(2)))
	}
}

// TestNeverAcked is a far side that reads and says nothing, such as Heka.
func TestNeverAcked(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	cfg := tcp.Config{Ack: true, AckTimeout: 50 * time.Millisecond, Config: dial(l)}
	out, err := tcp.New(cfg)
	require.NoError(t, err)
	defer out.Close()
	err = out.Send(t.Context(), frames(2))
	require.ErrorContains(t, err, "set ack to false")
	require.NotErrorIs(t, err, message.ErrPermanent)
}

func TestConfigErrors(t *testing.T) {
	for _, c := range []tcp.Config{{}, {Config: withAddress("host")}, {Config: withAddress("")}} {
		_, err := tcp.New(c)
		require.Error(t, err)
	}
}
