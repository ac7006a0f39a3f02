package batch_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tocsin-lma/tocsin/pkg/message"
	"github.com/tocsin-lma/tocsin/pkg/outputs/batch"
)

func frame(payload string) string {
	m := message.Message{UUID: message.NewUUID(), Timestamp: 1, Type: "t", Payload: payload}
	return string(message.AppendFramed(nil, &m))
}

func TestSplit(t *testing.T) {
	one, two := frame("a\nb\x1e\x1f"), frame(strings.Repeat("x", 70000))
	for name, c := range map[string]struct {
		cut   batch.Cut
		items []string
	}{
		"lines":            {batch.Line, []string{"a\n", "\n", "b\n"}},
		"no last feed":     {batch.Line, []string{"a\n", "b"}},
		"nothing":          {batch.Line, nil},
		"bulk":             {batch.Bulk, []string{"{\"create\":{}}\n{\"a\":1}\n", "{\"index\":{}}\n{}\n"}},
		"bulk with delete": {batch.Bulk, []string{"{\"delete\":{}}\n", "{ \"create\" : {}}\n{\"delete\":1}\n"}},
		"bulk cut short":   {batch.Bulk, []string{"{\"create\":{}}\n"}},
		"frames":           {batch.Frame, []string{one, two, one}},
		"torn frame":       {batch.Frame, []string{one, two[:100]}},
		"no frame":         {batch.Frame, []string{one, "x" + two}},
	} {
		t.Run(name, func(t *testing.T) {
			b := []byte(strings.Join(c.items, ""))
			var got []string
			for _, item := range batch.Split(b, c.cut) {
				got = append(got, string(item))
			}
			require.Equal(t, c.items, got)
			require.Equal(t, len(c.items), batch.Count(b, c.cut))
		})
	}
}

func TestMessages(t *testing.T) {
	var got []string
	b := []byte(frame("one") + frame("two") + "rubbish")
	require.NoError(t, batch.Messages(b, func(frame []byte, m *message.Message, err error) error {
		if err != nil {
			got = append(got, "bad: "+string(frame))
			return nil
		}
		got = append(got, m.Payload)
		return nil
	}))
	require.Equal(t, []string{"one", "two", "bad: rubbish"}, got)
}

func TestHalve(t *testing.T) {
	for _, c := range [][3]string{
		{"", "", ""},
		{"a\n", "a\n", ""},
		{"a\nb\n", "a\n", "b\n"},
		{"a\nlonger\n", "a\n", "longer\n"},
		{"longer\na\n", "longer\n", "a\n"},
		{"a\nb\nc\nd\n", "a\nb\n", "c\nd\n"},
		{"a\nb\nvery long\n", "a\nb\n", "very long\n"},
	} {
		first, second := batch.Halve([]byte(c[0]), batch.Line)
		require.Equal(t, []string{c[1], c[2]}, []string{string(first), string(second)})
	}
}

var errAway = errors.New("far side is away")

// TestHalving has a far side that refuses a part that holds a bad line, and goes
// away at a line that says so.
func TestHalving(t *testing.T) {
	for _, c := range []struct{ batch, sent, rejected, retry string }{
		{"1 2 3 4 5", "1 2 3 4 5", "", ""},
		{"1 bad 3 4 5", "1 3 4 5", "bad", ""},
		{"bad 2 bad-but-much-longer-than-the-others", "2", "bad bad-but-much-longer-than-the-others", ""},
		{"bad", "", "bad", ""},
		{"1 bad 3 away 5 6", "1 3", "bad", "away 5 6"},
		{"bad 2 3 4 5 6 away", "2 3 4", "bad", "5 6 away"},
	} {
		t.Run(c.batch, func(t *testing.T) {
			var sent []string
			b := []byte(strings.ReplaceAll(c.batch, " ", "\n") + "\n")
			err := batch.Halving(t.Context(), b, batch.Line, func(_ context.Context, part []byte) error {
				switch {
				case bytes.Contains(part, []byte("bad")):
					return fmt.Errorf("%w: bad line", message.ErrPermanent)
				case bytes.Contains(part, []byte("away")):
					return errAway
				}
				sent = append(sent, strings.Fields(string(part))...)
				return nil
			})
			require.Equal(t, strings.Fields(c.sent), append([]string{}, sent...))
			if c.rejected == "" && c.retry == "" {
				require.NoError(t, err)
				return
			}
			var partial *message.SendError
			require.ErrorAs(t, err, &partial)
			var rejected []string
			for _, r := range partial.Rejected {
				require.NotEmpty(t, r.Reason)
				rejected = append(rejected, strings.TrimSpace(string(r.Item)))
			}
			require.Equal(t, strings.Fields(c.rejected), append([]string{}, rejected...))
			require.Equal(t, strings.Fields(c.retry), strings.Fields(string(partial.Retry)))
			require.Error(t, partial.Err)
		})
	}
}

func TestHalvingPassesOtherErrors(t *testing.T) {
	err := batch.Halving(t.Context(), []byte("a\nb\n"), batch.Line, func(context.Context, []byte) error { return errAway })
	require.Equal(t, errAway, err)
}

func TestEach(t *testing.T) {
	var sent []string
	err := batch.Each([]byte("1\nbad\n3\naway\n5\n"), batch.Line, nil, func(item []byte) error {
		switch string(item) {
		case "bad\n":
			return fmt.Errorf("%w: bad line", message.ErrPermanent)
		case "away\n":
			return errAway
		}
		sent = append(sent, string(item))
		return nil
	})
	var partial *message.SendError
	require.ErrorAs(t, err, &partial)
	require.ErrorIs(t, err, errAway)
	require.Equal(t, []string{"1\n", "3\n"}, sent)
	require.Equal(t, "away\n5\n", string(partial.Retry))
	require.Len(t, partial.Rejected, 1)
	require.Equal(t, "bad\n", string(partial.Rejected[0].Item))
}

func FuzzCut(f *testing.F) {
	f.Add([]byte("a\nb\n"))
	f.Add([]byte("{\"delete\":{}}\n{\"create\":{}}\n{}\n"))
	f.Add([]byte(frame("one") + frame("two")))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, cut := range []batch.Cut{batch.Line, batch.Bulk, batch.Frame} {
			items := batch.Split(b, cut)
			require.Equal(t, string(b), string(bytes.Join(items, nil)))
			first, second := batch.Halve(b, cut)
			require.Equal(t, string(b), string(first)+string(second))
			require.Equal(t, len(items) > 1, len(second) > 0)
			require.Equal(t, len(items), batch.Count(first, cut)+batch.Count(second, cut))
		}
	})
}
