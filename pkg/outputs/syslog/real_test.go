package syslog_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tocsin-lma/tocsin/internal/testserver"
	"github.com/tocsin-lma/tocsin/pkg/outputs/outputtest"
	"github.com/tocsin-lma/tocsin/pkg/outputs/syslog"
	"github.com/tocsin-lma/tocsin/pkg/tlsconfig"
)

// TestRealReceivers sends to rsyslog and syslog-ng and reads what they filed:
// PRI|time|host|application|process|text.
func TestRealReceivers(t *testing.T) {
	for _, c := range []struct{ name, server, variable, protocol, framing string }{
		{"rsyslog udp", "RSYSLOG", "UDP", "udp", ""},
		{"rsyslog tcp lines", "RSYSLOG", "URL", "tcp", "newline"},
		{"rsyslog tcp counted", "RSYSLOG", "URL", "tcp", "octet"},
		{"syslog-ng udp", "SYSLOGNG", "UDP", "udp", ""},
		{"syslog-ng tcp lines", "SYSLOGNG", "URL", "tcp", "newline"},
		{"syslog-ng tls counted", "SYSLOGNG", "TLS", "tls", "octet"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := syslog.DefaultConfig()
			cfg.Address = testserver.Var(t, c.server+"_"+c.variable)
			cfg.Protocol, cfg.Framing = c.protocol, c.framing
			if c.protocol == "tls" {
				cfg.TLS = &tlsconfig.Config{RootCAFile: testserver.Var(t, c.server+"_CA")}
			}
			out, err := syslog.New(cfg)
			require.NoError(t, err)
			defer out.Close()
			const n = 500
			mark := fmt.Sprintf("mark%d", time.Now().UnixNano())
			var b []byte
			for i := range n {
				b = fmt.Appendf(b, "<131>1 2017-03-13T09:58:41Z ctl01 nova-api 18302 - - %s %d grüße \"quoted\" %%s\n", mark, i)
			}
			require.Empty(t, outputtest.Deliver(t, out, b))
			got := filed(t, testserver.Var(t, c.server+"_FILE"), mark, n)
			require.Len(t, got, n)
			for i, line := range got {
				parts := strings.SplitN(line, "|", 6)
				require.Len(t, parts, 6, line)
				require.Equal(t, "131", parts[0])
				require.Contains(t, parts[1], "2017-03-13T09:58:41")
				require.Equal(t, []string{"ctl01", "nova-api", "18302"}, parts[2:5])
				require.Equal(t, fmt.Sprintf(`%s %d grüße "quoted" %%s`, mark, i), strings.TrimSpace(parts[5]))
			}
		})
	}
}

// filed waits for n lines with mark in a receiver's file.
func filed(t *testing.T, path, mark string, n int) (lines []string) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		lines = lines[:0]
		text, _ := os.ReadFile(path) // not there before the first message
		for line := range strings.Lines(string(text)) {
			if strings.Contains(line, mark) {
				lines = append(lines, strings.TrimSuffix(line, "\n"))
			}
		}
		if len(lines) >= n {
			break
		}
	}
	return lines
}
