package plugins_test

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/internal/effort"
	"github.com/tocsin-lma/tocsin/pkg/message"
	"github.com/tocsin-lma/tocsin/pkg/sandbox"
	"github.com/tocsin-lma/tocsin/plugins"
)

// template is what rsyslog writes with a priority in front.
const template = `<%PRI%>%TIMESTAMP% %HOSTNAME% %syslogtag%%msg:::sp-if-no-1st-sp%%msg%\n`

// needed are the options without which a decoder does not load.
var needed = map[string]map[string]any{
	"apache_wsgi_log":   {"logger": "l", "apache_log_pattern": `%h %l %u %t \"%r\" %>s %b %D`},
	"keystone_wsgi_log": {"apache_log_pattern": `%{X-Forwarded-For}i %l %u %t \"%r\" %>s %b %D`},
	"lma_apache_access": {"log_format": `%h %l %u %t %m \"%U%q\" %H %>s %O %D`, "user_agent_transform": true},
	"calico":            {"calico_service": "felix"},
	"collectd":          {"hostname": "node", "swap_size": 100},
	"notification":      {"hostname": "node"},
	"metering":          {"decoder": "ceilometer", "decode_resources": true, "metadata_fields": "a b.c"},
	"noop":              {"msg_type": "heartbeat"},
	"generic_syslog":    {"syslog_pattern": template},
	"mysql_log":         {"syslog_pattern": template},
	"pacemaker_log":     {"syslog_pattern": template},
	"kubernetes":        {"syslog_pattern": template},
}

func openDecoder(tb testing.TB, name string, config map[string]any) *sandbox.Plugin {
	tb.Helper()
	source, err := plugins.FS.ReadFile("lua/decoders/" + name + ".lua")
	require.NoError(tb, err)
	modules, err := fs.Sub(plugins.FS, "lua/modules")
	require.NoError(tb, err)
	p, err := sandbox.Open(sandbox.Options{
		Kind: sandbox.KindDecoder, Name: name, Source: source, Shipped: modules, Config: config, Hostname: "node",
		Tags:  map[string]string{"environment_label": "lab"},
		Clock: func() time.Time { return time.Unix(1489400000, 0) },
	})
	require.NoError(tb, err)
	tb.Cleanup(func() { _ = p.Close(nil) })
	return p
}

func decoders(tb testing.TB) []string {
	tb.Helper()
	files, err := fs.Glob(plugins.FS, "lua/decoders/*.lua")
	require.NoError(tb, err)
	require.NotEmpty(tb, files)
	names := make([]string, 0, len(files))
	for _, f := range files {
		names = append(names, strings.TrimSuffix(path.Base(f), ".lua"))
	}
	return names
}

// FuzzDecoders feeds any bytes to every shipped decoder, at once and line by line:
// none may end, hang, emit text that is not UTF-8, or emit more than it was given
// allows.
func FuzzDecoders(f *testing.F) {
	names := decoders(f)
	all := make(map[string]*sandbox.Plugin, len(names))
	for i, name := range names {
		all[name] = openDecoder(f, name, needed[name])
		for _, payload := range payloads(f, name) {
			f.Add(uint8(i), payload)
		}
		f.Add(uint8(i), "\xff\x00{[\"\n=\n\n")
	}
	f.Fuzz(func(t *testing.T, which uint8, payload string) {
		name := names[int(which)%len(names)]
		p, emitted := all[name], 0
		check := func(m *message.Message) error {
			emitted += len(m.Payload)
			requireText(t, m)
			return nil
		}
		raw := &message.Message{UUID: message.NewUUID(), Type: "logfile", Logger: "nova_nova.api", Hostname: "n", Timestamp: 1, Payload: payload}
		cost := effort.Start()
		_, err := p.Process(raw, check)
		require.NoError(t, err, "%s ended", name)
		requireFlushed(t, p.Flush(time.Unix(1489400000, 0), false, check), name)
		for line := range strings.Lines(payload) {
			raw.Payload = line
			_, err := p.Process(raw, check)
			require.NoError(t, err, "%s ended", name)
		}
		requireFlushed(t, p.Flush(time.Unix(1489400000, 0), false, check), name)
		require.Zero(t, p.Holding(), "%s holds something back for ever", name)
		require.Less(t, cost.Spent(), 5*time.Second, "%s is slow", name)
		require.LessOrEqual(t, emitted, 1024*(len(payload)+64), "%s emits too much", name)
	})
}

// requireFlushed allows that what was held back is refused.
func requireFlushed(t *testing.T, err error, name string) {
	t.Helper()
	var refused *sandbox.Refused
	if !errors.As(err, &refused) {
		require.NoError(t, err, "%s ended", name)
	}
}

func requireText(t *testing.T, m *message.Message) {
	t.Helper()
	for _, text := range []string{m.Type, m.Logger, m.Hostname, m.Payload} {
		require.True(t, utf8.ValidString(text), "%q is not UTF-8", text)
	}
	for i := range m.Fields {
		f := &m.Fields[i]
		require.True(t, utf8.ValidString(f.Name), "field name %q is not UTF-8", f.Name)
		for j := range f.Len() {
			if f.Type == message.String {
				require.True(t, utf8.ValidString(f.At(j).Str()), "%s = %q is not UTF-8", f.Name, f.At(j).Str())
			}
		}
	}
}

// payloads are the records of a decoder's cases.
func payloads(tb testing.TB, name string) []string {
	tb.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "decoders", name, "cases.ndjson"))
	require.NoError(tb, err, "the decoder %s has no cases", name)
	var list []string
	for _, line := range strings.Split(strings.TrimSpace(string(data)), "\n") {
		var c struct {
			Steps []struct {
				Msg struct{ Payload string }
			}
		}
		require.NoError(tb, json.Unmarshal([]byte(line), &c))
		for _, s := range c.Steps {
			list = append(list, s.Msg.Payload)
		}
	}
	return list
}
