package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Every command says what it is for, with examples, on the standard output.
func TestEveryCommandHelps(t *testing.T) {
	for _, c := range commands() {
		t.Run(c.name, func(t *testing.T) {
			var out, errs bytes.Buffer
			require.Equal(t, exitOK, c.run(t.Context(), streams{strings.NewReader(""), &out, &errs}, []string{"--help"}))
			text := out.String() + errs.String()
			require.Contains(t, text, "tocsin "+c.name)
			require.Contains(t, text, "Usage")
		})
	}
}

func TestCompletionKnowsEveryCommand(t *testing.T) {
	list := completions(t.Context())
	require.Len(t, list, len(commands()))
	for _, c := range list {
		if c.name != "lua" && c.name != "version" {
			require.NotEmpty(t, c.words, c.name)
		}
		for _, word := range c.words {
			require.Regexp(t, `^(--)?[a-z][a-z-]*$`, word, c.name)
		}
	}
}

func TestTableAlignsAndPaints(t *testing.T) {
	rows := table{header: []string{"NAME", "STATUS", "WHY"}}
	rows.add("ü", "OKAY", "")
	rows.add("longer", "CRITICAL", "because")
	var b bytes.Buffer
	require.NoError(t, (&printer{w: &b}).table(&rows))
	require.Equal(t, "NAME    STATUS    WHY\nü       OKAY\nlonger  CRITICAL  because\n", b.String())
	b.Reset()
	require.NoError(t, (&printer{w: &b, colour: true}).table(&rows))
	require.Equal(t, "NAME    STATUS    WHY\nü       \x1b[32mOKAY\x1b[0m\nlonger  \x1b[31mCRITICAL\x1b[0m  because\n", b.String())
	require.False(t, newPrinter(&b, formatTable).colour, "no terminal, no colour")
}

func TestMoment(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 30, 0, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"2026-02-28T01:02:03Z":      time.Date(2026, 2, 28, 1, 2, 3, 0, time.UTC),
		"2026-02-28T01:02:03+01:00": time.Date(2026, 2, 28, 0, 2, 3, 0, time.UTC),
		"2026-02-28":                time.Date(2026, 2, 28, 0, 0, 0, 0, time.UTC),
		"2026-02-28 13:14":          time.Date(2026, 2, 28, 13, 14, 0, 0, time.UTC),
		"02:15":                     time.Date(2026, 3, 1, 2, 15, 0, 0, time.UTC),
		"90m":                       now.Add(-90 * time.Minute),
		"-90m":                      now.Add(-90 * time.Minute),
		"2d":                        now.Add(-48 * time.Hour),
		"1772366400":                time.Unix(1772366400, 0),
	} {
		m := moment{now: func() time.Time { return now }, away: -1}
		require.NoError(t, m.Set(text))
		require.True(t, want.Equal(m.time), "%s: %s", text, m.time)
	}
	m := moment{now: func() time.Time { return now }, away: 1}
	require.NoError(t, m.Set("2h"))
	require.Equal(t, now.Add(2*time.Hour), m.time)
	require.Error(t, m.Set("noon"))
}

func TestAge(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second: "0s", 0: "0s", 59 * time.Second: "59s", 60 * time.Second: "1m00s", 3599 * time.Second: "59m59s",
		time.Hour: "1h00m", 25 * time.Hour: "1d01h",
	} {
		require.Equal(t, want, age(d))
	}
}
