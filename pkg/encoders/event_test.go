package encoders_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/pkg/encoders"
	"github.com/tocsin-lma/tocsin/pkg/message"
)

func TestEvent(t *testing.T) {
	at := time.Date(2017, 3, 13, 9, 58, 41, 500_000_000, time.UTC).UnixNano()
	afd := verdict("afd_metric", 3, true, hinted, "member", "nova-api", "hostname", "ctl01", "service", "nova", "notification_handler", "pager")
	afd.AddStrings("tag_fields", "member", "hostname", "service", "service", "absent")
	afd.UUID, afd.Timestamp = message.DerivedUUID(1, 2, 0), at
	gse := verdict("gse_metric", 2, false, `{"alarms":[]}`, "member", "nova")
	gse.Timestamp = at
	watchdog := &message.Message{Type: "heka.sandbox.watchdog", Hostname: "ctl01", Payload: "aggregator", Timestamp: at}
	silent := verdict("gse_metric", 1, true, "", "member", "x")
	silent.RemoveField("alerting_enabled")
	const zero = "00000000-0000-0000-0000-000000000000"
	for name, c := range map[string]struct {
		m    *message.Message
		want string
	}{
		"alarm": {afd, `{"id":"` + afd.UUID.String() + `","time":"2017-03-13T09:58:41.500Z","name":"nova-api","host":"ctl01","status":3,"label":"CRITICAL","text":` +
			strings.ReplaceAll(quoted(strings.Join(encoders.AlarmLines(hinted), "\n")), `\u003e`, ">") + `,"ttl":0,"handler":"pager","dimensions":{"service":"nova"}}`},
		"cluster":  {gse, `{"id":"` + zero + `","time":"2017-03-13T09:58:41.500Z","name":"nova","host":"","status":2,"label":"UNKNOWN","text":"","ttl":0,"handler":"noop","dimensions":{}}`},
		"watchdog": {watchdog, `{"id":"` + zero + `","time":"2017-03-13T09:58:41.500Z","name":"watchdog_aggregator","host":"ctl01","status":0,"label":"OKAY","text":"","ttl":90,"handler":"","dimensions":{}}`},
		"nobody":   {silent, `{"id":"` + zero + `","time":"1970-01-01T00:00:00Z","name":"x","host":"","status":1,"label":"WARN","text":"","ttl":0,"handler":"","dimensions":{}}`},
	} {
		t.Run(name, func(t *testing.T) {
			const yaml = "{notification_handler: mail, noop_handler: noop, watchdog_ttl: 90}"
			require.Equal(t, c.want, encode(t, open(t, "event", yaml, true), c.m))
			require.Equal(t, c.want+"\n", encode(t, open(t, "event", yaml, false), c.m))
		})
	}
}

func TestEventOnChange(t *testing.T) {
	type step struct {
		seconds int64
		kind    string
		code    float64
		host    string
		written bool
	}
	for name, c := range map[string]struct {
		yaml  string
		steps []step
	}{
		"changes": {"", []step{
			{0, "afd_metric", 0, "a", false},
			{10, "afd_metric", 0, "a", false},
			{20, "afd_metric", 3, "a", true},
			{30, "afd_metric", 3, "a", false},
			{40, "afd_metric", 4, "a", true},
			{50, "afd_metric", 0, "a", true},
			{60, "afd_metric", 0, "a", false},
			{60, "afd_metric", 2, "b", true},
			{60, "gse_metric", 2, "b", true},
			{99999, "gse_metric", 2, "b", false},
		}},
		"every": {"{on_change: false}", []step{{0, "afd_metric", 0, "a", true}, {10, "afd_metric", 0, "a", true}}},
		"repeat": {"{repeat: 1m}", []step{
			{0, "afd_metric", 1, "a", true},
			{59, "afd_metric", 1, "a", false},
			{60, "afd_metric", 1, "a", true},
			{100, "afd_metric", 1, "a", false},
			{120, "afd_metric", 0, "a", true},
			{999, "afd_metric", 0, "a", false},
		}},
		"bounded": {"{max_events: 1}", []step{
			{0, "afd_metric", 0, "a", false},
			{0, "afd_metric", 0, "b", false},
			{0, "afd_metric", 3, "b", true},
			{1, "afd_metric", 3, "b", true},
			{2, "afd_metric", 3, "a", true},
			{3, "afd_metric", 3, "a", false},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			e := open(t, "event", c.yaml, false)
			for i, s := range c.steps {
				m := verdict(s.kind, s.code, true, "", "member", "m", "hostname", s.host)
				m.Timestamp = s.seconds * int64(time.Second)
				require.Equal(t, s.written, encode(t, e, m) != "", "step %d", i)
			}
		})
	}
	e := open(t, "event", "", false)
	w := &message.Message{Type: "watchdog", Payload: "aggregator"}
	require.NotEmpty(t, encode(t, e, w))
	require.NotEmpty(t, encode(t, e, w), "a watchdog is never old news")
}

func TestEventRefuses(t *testing.T) {
	e := open(t, "event", "", false)
	for want, m := range map[string]*message.Message{
		"neither":          verdict("metric", 0, false, "", "member", "m"),
		"field member":     verdict("gse_metric", 0, false, ""),
		"names no service": {Type: "watchdog"},
	} {
		out, err := e.Encode(nil, m)
		require.ErrorContains(t, err, want)
		require.ErrorIs(t, err, message.ErrPermanent)
		require.Empty(t, out)
	}
	for want, change := range map[string]func(*encoders.EventConfig){
		"repeat":       func(c *encoders.EventConfig) { c.Repeat = -1 },
		"watchdog_ttl": func(c *encoders.EventConfig) { c.WatchdogTTL = -1 },
		"max_events":   func(c *encoders.EventConfig) { c.MaxEvents = 0 },
	} {
		cfg := encoders.DefaultEventConfig()
		change(&cfg)
		_, err := encoders.NewEvent(cfg, encoders.Options{})
		require.ErrorContains(t, err, want)
	}
}
