package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/pkg/demo"
	"github.com/tocsin-lma/tocsin/pkg/health"
	"github.com/tocsin-lma/tocsin/pkg/store"
)

func TestDemoRefusesWhatCannotWork(t *testing.T) {
	temporary := t.TempDir()
	t.Setenv("TMPDIR", temporary)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = l.Close() }()
	for name, c := range map[string]struct {
		args []string
		code int
		want string
	}{
		"a fault it does not know": {[]string{"--fault", "flood"}, exitUsage, "http-5xx disk-full silent-node"},
		"an address in use":        {[]string{"--address", l.Addr().String()}, exitConfig, "--address"},
	} {
		var out, errs bytes.Buffer
		require.Equal(t, c.code, runDemo(t.Context(), streams{strings.NewReader(""), &out, &errs}, c.args), name)
		require.Contains(t, errs.String(), c.want, name)
	}
	left, err := filepath.Glob(filepath.Join(temporary, "*"))
	require.NoError(t, err)
	require.Empty(t, left, "nothing is left behind")
}

func TestDemoSwitchesAFaultOfOneThatRuns(t *testing.T) {
	active := false
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost || r.URL.Path != "/api/v1/faults/disk-full" {
			http.NotFound(w, r)
			return
		}
		active = !active
		_ = json.NewEncoder(w).Encode(map[string]bool{"active": active})
	}))
	defer server.Close()
	address := strings.TrimPrefix(server.URL, "http://")
	for _, word := range []string{"on", "off"} {
		var out, errs bytes.Buffer
		require.Equal(t, exitOK, runDemo(context.Background(), streams{strings.NewReader(""), &out, &errs}, []string{"--address", address, "--fault", "disk-full"}))
		require.Equal(t, "disk-full is now "+word+" in the demonstration at http://"+address+"\n", out.String())
	}
}

func TestDemoTableFitsTheTerminal(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	long := []json.RawMessage{json.RawMessage(`{"severity":"DOWN","message":"` + strings.Repeat("very ", 60) + `long"}`)}
	clusters := []store.ClusterState{
		{Name: "shop", Status: health.Down, Since: now.Add(-83 * time.Second), Alarms: long},
		{Name: "a-rather-long-name", Status: health.Okay, Since: now.Add(-2 * time.Hour)},
	}
	okay := health.Okay
	events := []store.Event{{Time: now, Name: "shop", Before: &okay, Status: health.Down, Alarms: long}}
	s := &screen{address: "127.0.0.1:9", width: func() int { return 80 }}
	text := s.draw(clusters, events, func(f demo.Fault) bool { return f == demo.DiskFull }, now)
	require.True(t, strings.HasPrefix(text, "\x1b[H"), "it draws over what was there")
	plain := strings.NewReplacer("\x1b[H", "", "\x1b[K", "", "\x1b[J", "").Replace(text)
	require.NotContains(t, plain, "\x1b", "no colour unless asked for")
	for line := range strings.Lines(plain) {
		require.LessOrEqual(t, utf8.RuneCountInString(strings.TrimRight(line, "\n")), 80, line)
	}
	require.Contains(t, plain, "shop                DOWN      1m 23s   very very")
	require.Contains(t, plain, "a-rather-long-name  OKAY      2h 0m")
	require.Contains(t, plain, "OKAY → DOWN  very")
	require.Contains(t, plain, "● tocsin demo --address 127.0.0.1:9 --fault disk-full")
	require.Contains(t, plain, "  tocsin demo --address 127.0.0.1:9 --fault http-5xx")
	s.colour = true
	require.Contains(t, s.draw(clusters, events, func(demo.Fault) bool { return false }, now), "\x1b[1;31mDOWN")
}
