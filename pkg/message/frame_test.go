package message_test

import (
	"bytes"
	"io"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/pkg/message"
)

func readAll(t *testing.T, r io.Reader, opt message.FrameOptions) ([]string, message.FrameStats) {
	t.Helper()
	f := message.NewFrameReader(r, opt)
	var got []string
	for {
		b, err := f.Next()
		if err == io.EOF {
			return got, f.Stats()
		}
		require.NoError(t, err)
		got = append(got, string(b))
	}
}

func TestFramesSurviveDamage(t *testing.T) {
	frame := func(s string) []byte { return message.AppendFrame(nil, []byte(s), nil) }
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	for name, c := range map[string]struct {
		stream  []byte
		want    []string
		skipped uint64
	}{
		"back to back":           {join(frame("one"), frame(""), frame("two")), []string{"one", "", "two"}, 0},
		"noise between":          {join([]byte("noise"), frame("one"), []byte("xx"), frame("two")), []string{"one", "two"}, 7},
		"false start":            {join([]byte{0x1e, 5, 'x'}, frame("one")), []string{"one"}, 3},
		"separator as noise":     {join([]byte{0x1e, 0x1e, 0x1e}, frame("one")), []string{"one"}, 3},
		"payload holds 0x1e":     {join(frame("a\x1e\x02b"), frame("two")), []string{"a\x1e\x02b", "two"}, 0},
		"cut off at the end":     {join(frame("one"), frame("two")[:5]), []string{"one"}, 5},
		"header without length":  {join([]byte{0x1e, 2, 5 << 3, 1, 0x1f}, frame("one")), []string{"one"}, 5},
		"length beyond the rest": {join([]byte{0x1e, 2, 1 << 3, 100, 0x1f}, frame("one")), nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			for _, r := range []io.Reader{bytes.NewReader(c.stream), iotest.OneByteReader(bytes.NewReader(c.stream))} {
				got, stats := readAll(t, r, message.FrameOptions{})
				if c.want == nil {
					require.Positive(t, stats.SkippedBytes)
					continue
				}
				require.Equal(t, c.want, got)
				require.Equal(t, c.skipped, stats.SkippedBytes)
			}
		})
	}
}

func TestOversizedFrameIsRefusedAndTheNextOneRead(t *testing.T) {
	stream := append(message.AppendFrame(nil, bytes.Repeat([]byte("x"), 2000), nil), message.AppendFrame(nil, []byte("ok"), nil)...)
	got, stats := readAll(t, bytes.NewReader(stream), message.FrameOptions{MaxMessage: 1024})
	require.Equal(t, []string{"ok"}, got)
	require.EqualValues(t, 1, stats.Oversized)
}

func TestSignatures(t *testing.T) {
	for _, h := range []message.Hash{message.MD5, message.SHA1, message.SHA256} {
		s := &message.Signer{Name: "ops", Version: 2, Hash: h, Key: []byte("secret")}
		good := message.AppendFrame(nil, []byte("payload"), s)
		keys := map[string][]byte{s.KeyName(): s.Key}
		unsigned := message.AppendFrame(nil, []byte("bare"), nil)

		got, stats := readAll(t, bytes.NewReader(append(bytes.Clone(good), unsigned...)), message.FrameOptions{Keys: keys})
		require.Equal(t, []string{"payload", "bare"}, got)
		require.Zero(t, stats.BadSignatures)

		got, stats = readAll(t, bytes.NewReader(append(bytes.Clone(good), unsigned...)), message.FrameOptions{Keys: keys, RequireSigned: true})
		require.Equal(t, []string{"payload"}, got)
		require.EqualValues(t, 1, stats.BadSignatures)

		bad := bytes.Clone(good)
		bad[len(bad)-1] ^= 1
		got, stats = readAll(t, bytes.NewReader(bad), message.FrameOptions{Keys: keys})
		require.Empty(t, got)
		require.EqualValues(t, 1, stats.BadSignatures)

		got, _ = readAll(t, bytes.NewReader(good), message.FrameOptions{Keys: map[string][]byte{"ops_1": s.Key}})
		require.Empty(t, got, "a key of another version does not do")
	}
}

func TestAppendFramedEqualsAppendFrame(t *testing.T) {
	m := sample()
	require.Equal(t, message.AppendFrame(nil, message.AppendMessage(nil, m), nil), message.AppendFramed(nil, m))
}

func FuzzFrameReader(f *testing.F) {
	f.Add(message.AppendFramed(nil, sample()), []byte("noise"))
	f.Fuzz(func(t *testing.T, noise, tail []byte) {
		// Whatever comes before and after, a frame that is not inside
		// something looking like a frame is found or its bytes are counted.
		stream := append(append(append([]byte{}, noise...), message.AppendFrame(nil, []byte("payload"), nil)...), tail...)
		r := message.NewFrameReader(bytes.NewReader(stream), message.FrameOptions{MaxMessage: 1 << 12})
		total := 0
		for {
			b, err := r.Next()
			if err != nil {
				break
			}
			total += len(b)
		}
		if total+int(r.Stats().SkippedBytes) > len(stream) {
			t.Fatalf("delivered %d and skipped %d of %d bytes", total, r.Stats().SkippedBytes, len(stream))
		}
	})
}
