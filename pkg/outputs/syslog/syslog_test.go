package syslog_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tocsin-lma/tocsin/pkg/outputs/outputtest"
	"github.com/tocsin-lma/tocsin/pkg/outputs/stream"
	"github.com/tocsin-lma/tocsin/pkg/outputs/syslog"
	"github.com/tocsin-lma/tocsin/pkg/tlsconfig"
)

func lines(n int) []byte {
	var b []byte
	for i := range n {
		b = fmt.Appendf(b, "<134>1 2017-03-13T09:58:41Z node-1 nova 18302 - - id %d\n", i)
	}
	return b
}

func id(text string) string { return text[strings.LastIndexByte(text, ' ')+1:] }

func receiveLines(conn net.Conn, got func(string)) {
	r := bufio.NewReader(conn)
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		got(id(strings.TrimSuffix(line, "\n")))
	}
}

func receiveCounted(conn net.Conn, got func(string)) {
	r := bufio.NewReader(conn)
	for {
		count, err := r.ReadString(' ')
		if err != nil {
			return
		}
		n, err := strconv.Atoi(strings.TrimSpace(count))
		if err != nil {
			return
		}
		text := make([]byte, n)
		if _, err = io.ReadFull(r, text); err != nil {
			return
		}
		got(id(string(text)))
	}
}

func TestSuite(t *testing.T) {
	for framing, serve := range map[string]func(net.Conn, func(string)){"newline": receiveLines, "octet": receiveCounted} {
		t.Run(framing, func(t *testing.T) {
			outputtest.Stream{
				New: func(t *testing.T, address string, tls *tlsconfig.Config) outputtest.Output {
					cfg := syslog.DefaultConfig()
					cfg.Address, cfg.TLS, cfg.Framing = address, tls, framing
					if tls == nil {
						cfg.Protocol = "tcp"
					}
					out, err := syslog.New(cfg)
					require.NoError(t, err)
					t.Cleanup(func() { _ = out.Close() })
					return out
				},
				Batch: lines,
				Serve: serve,
			}.Run(t)
		})
	}
}

func TestDatagrams(t *testing.T) {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	defer conn.Close()
	out, err := syslog.New(syslog.Config{Config: stream.Config{Address: conn.LocalAddr().String()}, MaxSize: 60})
	require.NoError(t, err)
	defer out.Close()
	long := strings.Repeat("x", 59) + "é tail\n" // the limit falls within the letter
	require.NoError(t, out.Send(t.Context(), append(lines(2), long...)))
	buf := make([]byte, 4096)
	for _, want := range []string{
		"<134>1 2017-03-13T09:58:41Z node-1 nova 18302 - - id 0",
		"<134>1 2017-03-13T09:58:41Z node-1 nova 18302 - - id 1",
		strings.Repeat("x", 59),
	} {
		require.NoError(t, conn.SetReadDeadline(time.Now().Add(time.Minute)))
		n, _, err := conn.ReadFrom(buf)
		require.NoError(t, err)
		require.Equal(t, want, string(buf[:n]))
	}
}

func TestConfigErrors(t *testing.T) {
	for _, c := range []syslog.Config{
		{},
		{Protocol: "sctp", Config: stream.Config{Host: "h"}},
		{Protocol: "tls", Config: stream.Config{Host: "h"}},
		{Framing: "zero", Config: stream.Config{Host: "h"}},
		{Config: stream.Config{Host: "h", Port: 70000}},
	} {
		_, err := syslog.New(c)
		require.Error(t, err)
	}
}
