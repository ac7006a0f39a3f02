package encoders_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/pkg/message"
)

// payloadOf encodes a message with that payload, and reads it back.
func payloadOf(t *testing.T, buf []byte, payload string) string {
	t.Helper()
	m := &message.Message{Type: "log", Payload: payload}
	out, err := open(t, "elasticsearch", "{fields: [Payload]}", false).Encode(buf, m)
	require.NoError(t, err)
	lines := strings.Split(string(out), "\n")
	require.Len(t, lines, 3)
	var doc struct{ Payload string }
	require.NoError(t, json.Unmarshal([]byte(lines[1]), &doc), "%q", lines[1])
	return doc.Payload
}

// TestStringsAtEveryPlace puts what needs care at every place of texts of every
// length around that of a word, and between plain bytes of every kind, and asks
// the standard library what the text is.
func TestStringsAtEveryPlace(t *testing.T) {
	specials := []string{`"`, `\`, "\n", "\x00", "\x1f", "\x7f", "\x80", "\xff", "é", "\u2028", "😀", "\xc3", "\xe2\x80", `""`, "\"\x01é\\"}
	for length := range 20 {
		plain := "!#azAZ09~[]^_ {}|/.<>"[:length+1]
		for at := range len(plain) + 1 {
			for _, special := range specials {
				text := plain[:at] + special + plain[at:]
				want, err := json.Marshal(text)
				require.NoError(t, err)
				var expected string
				require.NoError(t, json.Unmarshal(want, &expected))
				require.Equal(t, expected, payloadOf(t, nil, text), "%q", text)
			}
		}
	}
}

// TestStringsGrowTheirBuffer gives texts that become six times as long buffers
// with every amount of room.
func TestStringsGrowTheirBuffer(t *testing.T) {
	text := strings.Repeat("\x01", 100) + "end" + strings.Repeat("\"", 50)
	for room := range 300 {
		require.Equal(t, text, payloadOf(t, make([]byte, 0, room), text))
	}
}

// TestCachedKeys has more names than a cache has places, some of them alike for
// its hash, and values that change from message to message.
func TestCachedKeys(t *testing.T) {
	e := open(t, "elasticsearch", "", false)
	for round := range 3 {
		for i := range 600 {
			m := &message.Message{
				Type: "log", Hostname: fmt.Sprint("host", i/7), Logger: fmt.Sprint("logger", i%2),
				Timestamp: int64(i/3)*1e9 + int64(i%3)*1e6,
			}
			want := map[string]any{}
			for j := range 12 {
				name := fmt.Sprintf("field_%d_%d", i*j%97, j)
				m.AddString(name, fmt.Sprint(round, i, j))
				m.AddString(name, "a second one is not read")
				want[name] = fmt.Sprint(round, i, j)
			}
			m.AddString("", "nameless")
			m.AddString("Payload", "like a header")
			var doc map[string]any
			require.NoError(t, json.Unmarshal([]byte(strings.Split(encode(t, e, m), "\n")[1]), &doc))
			for name, value := range want {
				require.Equal(t, value, doc[name], name)
			}
			require.Len(t, doc, len(want)+9)
			require.Equal(t, "nameless", doc["fields_"])
			require.Equal(t, "like a header", doc["fields_Payload"])
			require.Equal(t, m.Hostname, doc["Hostname"])
			require.Equal(t, m.Logger, doc["Logger"])
			stamp := fmt.Sprintf("1970-01-01T00:%02d:%02d", i/3/60, i/3%60)
			if i%3 > 0 {
				stamp += fmt.Sprintf(".%03d", i%3)
			}
			require.Equal(t, stamp, doc["Timestamp"])
		}
	}
}

// TestTimestampDecimals writes three, six or nine decimals, or none.
func TestTimestampDecimals(t *testing.T) {
	e := open(t, "elasticsearch", "{fields: [Timestamp]}", false)
	for nano, want := range map[int64]string{
		0: "", 1: ".000000001", 1000: ".000001", 1e6: ".001", 120e6: ".120", 123456e3: ".123456", 999999999: ".999999999", 10: ".000000010",
	} {
		require.Contains(t, encode(t, e, &message.Message{Type: "log", Timestamp: nano}), `"1970-01-01T00:00:00`+want+`"`)
		require.Contains(t, encode(t, e, &message.Message{Type: "log", Timestamp: nano - 5e9}), `"1969-12-31T23:59:55`+want+`"`)
	}
}
