package bench_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/pkg/message"
	"github.com/tocsin-lma/tocsin/pkg/sandbox"
	"github.com/tocsin-lma/tocsin/plugins"
)

// TestAllocations is the gate of the hot path: allocations do not depend on how
// busy the machine is. A figure may go down, then it goes down here too.
func TestAllocations(t *testing.T) {
	m := tenFields()
	encoded := message.AppendMessage(nil, m)
	dst := make([]byte, 0, 2*len(encoded))
	var into message.Message
	allocs(t, "encode 10 fields", 0, func() error { dst = message.AppendMessage(dst[:0], m); return nil })
	allocs(t, "parse 10 fields", 0, func() error { return into.UnmarshalShared(encoded) })

	collectd, record := openCollectd(t), collectdRecord(collectdBatch())
	allocs(t, "500 collectd samples of known series", 0, func() error {
		return collectd.Decode(record, func(*message.Message) error { return nil })
	})

	for name, c := range map[string]struct {
		source       []byte
		config       map[string]any
		logger, line string
		most         float64
	}{
		"grammar of openstack":       {[]byte(openstackGrammar), nil, "nova_nova-api", openstackLine, 0},
		"grammar of syslog":          {[]byte(syslogGrammar), nil, "system.daemon", syslogLine, 0},
		"grammar of nginx":           {[]byte(nginxGrammar), nil, "nginx_access", nginxLine, 0},
		"openstack_log":              {shipped(t, "openstack_log"), nil, "nova_nova-api", openstackLine, 0},
		"generic_syslog":             {shipped(t, "generic_syslog"), map[string]any{"syslog_pattern": syslogTemplate}, "system.daemon", syslogLine, 0},
		"nginx":                      {shipped(t, "nginx"), nil, "nginx_access", nginxLine, 1},
		"process_message, openstack": {[]byte(openstackLua), nil, "nova_nova-api", openstackLine, 2},
		"process_message, nginx":     {[]byte(nginxLua), nil, "nginx_access", nginxLine, 2},
		"collectd.lua, 500 values":   {shipped(t, "collectd"), map[string]any{"hostname": "node-1"}, "collectd", collectdBatch(), 25 * 500},
		"process_message, syslog":    {[]byte(syslogLua), nil, "system.daemon", syslogLine, 2},
	} {
		p, err := sandbox.Open(sandbox.Options{
			Kind: sandbox.KindDecoder, Name: "gate", Source: c.source, Config: c.config, Shipped: modules(t),
			Limits: sandbox.Limits{Memory: 32 << 20},
		})
		require.NoError(t, err, name)
		raw := &message.Message{UUID: message.DerivedUUID(1, 1, 0), Type: "logfile", Logger: c.logger, Hostname: "ctl01", Payload: c.line}
		emitted := 0
		emit := func(*message.Message) error { emitted++; return nil }
		allocs(t, name, c.most, func() error { _, err := p.Process(raw, emit); return err })
		require.NotZero(t, emitted, "%s decodes its line", name)
		require.NoError(t, p.Close(nil))
	}
}

func shipped(t testing.TB, decoder string) []byte {
	t.Helper()
	text, err := plugins.FS.ReadFile("lua/decoders/" + decoder + ".lua")
	require.NoError(t, err)
	return text
}

// allocs fails when f, warm, allocates more than most times a call.
func allocs(t *testing.T, name string, most float64, f func() error) {
	t.Helper()
	for range 20 {
		require.NoError(t, f(), name)
	}
	require.LessOrEqual(t, testing.AllocsPerRun(50, func() { _ = f() }), most, "allocations of %s", name)
}
