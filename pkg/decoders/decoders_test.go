package decoders_test

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/pkg/decoders"
	"github.com/tocsin-lma/tocsin/pkg/message"
	"github.com/tocsin-lma/tocsin/pkg/sandbox"
)

type sink struct{ messages []*message.Message }

func (s *sink) emit(m *message.Message) error {
	s.messages = append(s.messages, m.Clone())
	return nil
}

func raw(payload string) *message.Message {
	return &message.Message{UUID: message.DerivedUUID(1, 1, 0), Type: "logfile", Logger: "s", Hostname: "h", Timestamp: 7, Payload: payload}
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// clock is a wall clock that tests move.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

func luaDecoder(t *testing.T, c *clock, source string, change ...decoders.SandboxOption) *decoders.Sandbox {
	t.Helper()
	d, err := decoders.NewSandbox(sandbox.Options{Name: "d", Source: []byte(source), Clock: c.now}, quiet(), change...)
	require.NoError(t, err)
	return d
}

func TestSandboxDecoder(t *testing.T) {
	var got sink
	d := luaDecoder(t, &clock{}, `function process_message()
		local p = read_message("Payload")
		if p == "bad" then return -1, "not mine" end
		if p == "hold" then return 0 end
		inject_message{Payload = p .. "!"}
		return 0 end`)
	require.NoError(t, d.Decode(raw("a"), got.emit))
	require.Equal(t, "a!", got.messages[0].Payload)
	err := d.Decode(raw("bad"), got.emit)
	require.ErrorIs(t, err, decoders.ErrRejected)
	require.ErrorContains(t, err, "not mine")
	require.NoError(t, d.Decode(raw("hold"), got.emit))
	require.Len(t, got.messages, 1, "a held record is not passed on")
	require.EqualValues(t, 1, d.Stats().Held)
	stop := errors.New("stop")
	err = d.Decode(raw("a"), func(*message.Message) error { return stop })
	require.ErrorIs(t, err, stop)
	require.NotErrorIs(t, err, decoders.ErrRejected)
	require.NoError(t, d.Close(got.emit))
}

func TestSandboxPassesThrough(t *testing.T) {
	var got sink
	d := luaDecoder(t, &clock{}, `function process_message() return 0 end`, decoders.PassThrough())
	require.NoError(t, d.Decode(raw("x"), got.emit))
	require.Equal(t, "logfile", got.messages[0].Type)
}

func TestSandboxRestartsWithBackOff(t *testing.T) {
	var got sink
	c := &clock{at: time.Unix(1000, 0)}
	d := luaDecoder(t, c, `function process_message()
		if read_message("Payload") == "die" then error("dead") end
		inject_message{Payload = "ok"} return 0 end`)
	require.ErrorIs(t, d.Decode(raw("die"), got.emit), decoders.ErrRejected)
	require.ErrorContains(t, d.Decode(raw("x"), got.emit), "out of order")
	c.at = c.at.Add(250 * time.Millisecond)
	require.NoError(t, d.Decode(raw("x"), got.emit))
	require.ErrorIs(t, d.Decode(raw("die"), got.emit), decoders.ErrRejected)
	c.at = c.at.Add(250 * time.Millisecond)
	require.ErrorIs(t, d.Decode(raw("x"), got.emit), decoders.ErrRejected, "the second pause is longer")
	c.at = c.at.Add(250 * time.Millisecond)
	require.NoError(t, d.Decode(raw("x"), got.emit))
	require.EqualValues(t, 2, d.Deaths())
	require.EqualValues(t, 4, d.Stats().Processed)
}

func TestSandboxReload(t *testing.T) {
	var got sink
	c := &clock{}
	source := func(text string) *sandbox.Template {
		made, err := sandbox.NewTemplate(sandbox.Options{Kind: sandbox.KindDecoder, Name: "d", Clock: c.now, Source: []byte(text)})
		require.NoError(t, err)
		return made
	}
	versions := sandbox.NewVersions(source(`function process_message() inject_message{Payload = "old"} return 0 end`))
	d, err := decoders.OpenSandbox(versions, quiet())
	require.NoError(t, err)
	versions.Offer(source(`function process_message() inject_message{Payload = "new"} return 0 end`), 0, c.now())
	for range sandbox.DefaultShadow {
		require.NoError(t, d.Decode(raw("x"), got.emit))
	}
	require.NoError(t, d.Decode(raw("x"), got.emit))
	require.Len(t, got.messages, sandbox.DefaultShadow+1)
	require.Equal(t, "old", got.messages[sandbox.DefaultShadow-1].Payload)
	require.Equal(t, "new", got.messages[sandbox.DefaultShadow].Payload)
	require.EqualValues(t, sandbox.DefaultShadow+1, d.Stats().Injected)

	versions.Offer(source(`function process_message() error("ill") end`), 1, c.now())
	versions.Accept(c.now())
	require.ErrorContains(t, d.Decode(raw("x"), got.emit), "ill")
	require.ErrorContains(t, d.Decode(raw("x"), got.emit), "out of order")
	versions.Offer(source(`function process_message() inject_message{Payload = "mended"} return 0 end`), 0, c.now())
	require.NoError(t, d.Decode(raw("x"), got.emit), "a decoder that is out of order needs no trial")
	require.Equal(t, "mended", got.messages[len(got.messages)-1].Payload)
}

func TestSandboxFlush(t *testing.T) {
	var got sink
	d := luaDecoder(t, &clock{}, `local held
		function process_message() held = read_message("Payload") return 0 end
		function flush(ns, idle) if held and (not idle or ns > 5e9) then inject_message{Type = "log", Payload = held} held = nil end end`)
	require.NoError(t, d.Decode(raw("x"), got.emit))
	require.NoError(t, d.Flush(time.Unix(1, 0), true, got.emit))
	require.Empty(t, got.messages)
	require.NoError(t, d.Flush(time.Unix(6, 0), true, got.emit))
	require.Len(t, got.messages, 1)
	require.NoError(t, d.Decode(raw("y"), got.emit))
	require.NoError(t, d.Close(got.emit))
	require.Equal(t, "y", got.messages[1].Payload)
}

// prefix accepts records that begin with it and emits the rest.
type prefix string

func (p prefix) Decode(m *message.Message, emit message.Emit) error {
	rest, ok := strings.CutPrefix(m.Payload, string(p))
	if !ok {
		return decoders.Reject("no %s", string(p))
	}
	out := *m
	out.Payload = rest
	return emit(&out)
}

func TestMulti(t *testing.T) {
	subs := []decoders.Named{{"a", prefix("a")}, {"b", prefix("b")}}
	for strategy, want := range map[string]map[string]string{
		"":     {"ab": "b", "ba": "a", "abx": "bx", "x": ""},
		"all":  {"ab": "", "ba": "a", "abx": "x", "x": ""},
		"oops": nil,
	} {
		var log bytes.Buffer
		d, err := decoders.NewMulti(subs, strategy, true, slog.New(slog.NewTextHandler(&log, nil)))
		if want == nil {
			require.ErrorContains(t, err, "oops")
			continue
		}
		require.NoError(t, err)
		for in, out := range want {
			var got sink
			err := d.Decode(raw(in), got.emit)
			if in == "x" {
				require.ErrorIs(t, err, decoders.ErrRejected)
				require.Empty(t, got.messages)
				continue
			}
			require.NoError(t, err, in)
			require.Equal(t, out, got.messages[0].Payload, "%s %s", strategy, in)
		}
		require.Contains(t, log.String(), "sub-decoder refused")
	}
	_, err := decoders.NewMulti(nil, "", false, quiet())
	require.Error(t, err)
}

func TestPayloadRegex(t *testing.T) {
	c := &clock{at: time.Date(2017, 3, 13, 0, 0, 0, 0, time.UTC)}
	d, err := decoders.NewPayloadRegex(decoders.RegexConfig{
		MatchRegex:        `^(?P<Timestamp>\S+) (?P<Severity>\w+) (?P<Host>\S+) (?P<Text>.*)`,
		SeverityMap:       map[string]int{"ERROR": 3},
		MessageFields:     map[string]string{"Type": "app", "Payload": "%Text%", "where": "at %Host%, 100%%", "n|B": "%Host%", "Pid": "12"},
		TimestampLayout:   "02/Jan/2006:15:04:05",
		TimestampLocation: "Europe/Paris",
	}, c.now)
	require.NoError(t, err)
	var got sink
	require.NoError(t, d.Decode(raw("13/Jul/2017:12:00:00 ERROR web1 hello"), got.emit))
	m := got.messages[0]
	require.Equal(t, "10:00:00", time.Unix(0, m.Timestamp).UTC().Format(time.TimeOnly))
	require.EqualValues(t, 3, m.Severity())
	require.EqualValues(t, 12, m.PID())
	require.Equal(t, []string{"app", "hello"}, []string{m.Type, m.Payload})
	require.Equal(t, []string{"at web1, 100%%"}, m.Strings("where"))
	require.Equal(t, "B", m.Field("n").Representation)
	for _, bad := range []string{"no match", "never ERROR h t", "13/Jul/2017:12:00:00 LOUD h t"} {
		require.ErrorIs(t, d.Decode(raw(bad), got.emit), decoders.ErrRejected, bad)
	}
	for text, want := range map[string]string{"(": "compile match_regex", "abc": "no capture group"} {
		_, err := decoders.NewPayloadRegex(decoders.RegexConfig{MatchRegex: text}, c.now)
		require.ErrorContains(t, err, want)
	}
}

func TestPayloadRegexTimes(t *testing.T) {
	c := &clock{at: time.Date(2018, 1, 1, 0, 0, 0, 0, time.UTC)}
	for layout, in := range map[string]string{
		"Stamp": "Dec 31 23:00:00", "RFC3339": "2017-12-31T23:00:00Z", "Epoch": "1514761200",
		"EpochMilli": "1514761200000", "EpochNano": "1514761200000000000", "": "2017-12-31 23:00:00",
	} {
		d, err := decoders.NewPayloadRegex(decoders.RegexConfig{MatchRegex: `^(?P<Timestamp>.*)$`, TimestampLayout: layout}, c.now)
		require.NoError(t, err)
		var got sink
		require.NoError(t, d.Decode(raw(in), got.emit), layout)
		require.Equal(t, "2017-12-31T23:00:00Z", time.Unix(0, got.messages[0].Timestamp).UTC().Format(time.RFC3339), layout)
	}
}

func TestProtobufAndNoop(t *testing.T) {
	var got sink
	in := raw("inner")
	require.NoError(t, (&decoders.Protobuf{}).Decode(raw(string(message.AppendMessage(nil, in))), got.emit))
	require.Equal(t, "inner", got.messages[0].Payload)
	require.ErrorIs(t, (&decoders.Protobuf{}).Decode(raw("\xff\xff"), got.emit), decoders.ErrRejected)
	require.NoError(t, (&decoders.Noop{}).Decode(raw("x"), got.emit))
	require.Equal(t, "heartbeat", got.messages[1].Type)
	require.Empty(t, got.messages[1].Payload)
}

func TestRejectsAreCountedAndSampled(t *testing.T) {
	var log bytes.Buffer
	c := &clock{at: time.Unix(0, 0)}
	rejects := decoders.NewRejects(slog.New(slog.NewTextHandler(&log, nil)), c.now)
	key := decoders.RejectKey{Stream: "s", Decoder: "d"}
	d := &decoders.Counted{Decoder: prefix("a"), Rejects: rejects, Key: key, Forward: true}
	var got sink
	for range 5 {
		require.NoError(t, d.Decode(raw("x"), got.emit))
	}
	require.NoError(t, d.Decode(raw("ab"), got.emit))
	require.EqualValues(t, 5, rejects.Counts()[key])
	require.Equal(t, 1, strings.Count(log.String(), "level=WARN"))
	c.at = c.at.Add(time.Minute)
	require.NoError(t, d.Decode(raw("x"), got.emit))
	require.Equal(t, 2, strings.Count(log.String(), "level=WARN"))
	require.Contains(t, log.String(), "rejected=5")
	flagged, ok := got.messages[0].Bool(decoders.FailureField)
	require.True(t, ok && flagged)
	require.Equal(t, "x", got.messages[0].Payload)
	_, ok = got.messages[5].Bool(decoders.FailureField)
	require.False(t, ok)
}
