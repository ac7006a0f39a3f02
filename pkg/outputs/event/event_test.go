package event_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tocsin-lma/tocsin/pkg/message"
	"github.com/tocsin-lma/tocsin/pkg/outputs/event"
)

func TestParse(t *testing.T) {
	for _, c := range []struct {
		line   string
		status int
		title  string
		text   string
	}{
		{`{"name":"nova","status":3,"text":"why"}`, event.Critical, "nova CRITICAL", "why"},
		{`{"member":"disk","host":"n1","label":"warn"}`, event.Warning, "disk WARN on n1", ""},
		{`{"name":"a","source":"n1","status":0,"output":"OKAY: "}`, event.Okay, "a OKAY on n1", ""},
		{`{"name":"a","source":"n1","status":1,"output":"WARN: x (WARN, rule='y')\nmore\n"}`, event.Warning, "a WARN on n1", "x (WARN, rule='y')\nmore"},
		{`{"name":"a","status":2,"output":"UNKNOWN: no data"}`, event.Unknown, "a UNKNOWN", "no data"},
		{`{"name":"a","status":2,"output":"DOWN: gone"}`, event.Down, "a DOWN", "gone"},
		{`{"name":"a","status":2,"output":"something else"}`, event.Critical, "a CRITICAL", "something else"},
	} {
		e, err := event.Parse([]byte(c.line))
		require.NoError(t, err, c.line)
		require.Equal(t, c.status, e.Status, c.line)
		require.Equal(t, c.title, e.Title())
		require.Equal(t, c.text, e.Text)
	}
	for _, bad := range []string{"", "x", "[]", "{}", `{"name":"a","status":5}`, `{"name":"a","status":-1}`, `{"status":1}`, `{"name":1}`} {
		_, err := event.Parse([]byte(bad))
		require.ErrorIs(t, err, message.ErrPermanent, bad)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"name":"a","source":"n1","status":1,"output":"WARN: x"}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		e, err := event.Parse(line)
		if err == nil {
			require.NotEmpty(t, e.Name)
			require.NotEmpty(t, e.Label)
			require.True(t, e.Status >= event.Okay && e.Status <= event.Down)
		}
	})
}
