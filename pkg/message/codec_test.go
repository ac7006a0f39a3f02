package message_test

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/tocsin-lma/tocsin/pkg/message"
)

func sample() *message.Message {
	m := &message.Message{
		UUID: message.DerivedUUID(1, 2, 3), Timestamp: 1489399140500000000, Type: "log", Logger: "openstack.nova",
		Payload: "Publishing host capabilities", EnvVersion: "1", Hostname: "ctl01",
	}
	m.SetSeverity(6)
	m.SetPID(977)
	m.AddString("programname", "nova-compute")
	m.AddString("severity_label", "INFO")
	m.AddInteger("http_status", -200, "")
	m.AddDouble("http_response_time", 0.0015, "s")
	m.AddBool("alerting_enabled", true)
	m.AddStrings("tag_fields", "hostname", "service", "")
	m.AddField(message.NewField("raw", "", message.BytesValue("\x00\xff")))
	m.AddField(message.NewField("ints", "B", message.IntegerValue(math.MinInt64), message.IntegerValue(300)))
	m.AddField(message.NewField("doubles", "", message.DoubleValue(math.Inf(1)), message.DoubleValue(-0.5)))
	m.AddField(message.NewField("bools", "", message.BoolValue(false), message.BoolValue(true)))
	return m
}

var compare = cmp.AllowUnexported(message.Message{}, message.Field{}, message.Value{})

func TestRoundTrip(t *testing.T) {
	want := sample()
	b := message.AppendMessage(nil, want)
	require.Len(t, b, message.Size(want))
	var got message.Message
	require.NoError(t, got.Unmarshal(b))
	require.Empty(t, cmp.Diff(want, &got, compare, cmp.Comparer(func(a, b []message.Value) bool {
		return len(a) == len(b) && cmp.Equal(append([]message.Value{}, a...), append([]message.Value{}, b...), cmp.AllowUnexported(message.Value{}))
	})))
	require.Equal(t, b, message.AppendMessage(nil, got.Clone()), "a clone encodes alike")
}

func TestRoundTripOfAllLengths(t *testing.T) {
	for n := 1; n < 300; n++ {
		text := strings.Repeat("x", n)
		for _, f := range []message.Field{
			message.NewField("f", "", message.StringValue(text)),
			message.NewField("f", text, message.BytesValue(text)),
			message.NewField(text, "B", message.IntegerValue(math.MinInt64)),
			message.NewField(text, "B", message.DoubleValue(0.25)),
			message.NewField("f", text, message.BoolValue(true)),
			message.NewField("f", text),
		} {
			want := &message.Message{}
			want.AddField(f)
			b := message.AppendMessage(nil, want)
			require.Len(t, b, message.Size(want), "%d bytes", n)
			var got message.Message
			got.AddStrings("before", "a", "b") // memory that is used again
			require.NoError(t, got.UnmarshalShared(b), "%d bytes", n)
			require.Equal(t, b, message.AppendMessage(nil, &got), "%d bytes", n)
			require.Equal(t, f.Representation, got.Fields[0].Representation)
			require.Equal(t, f.Len(), got.Fields[0].Len())
		}
	}
}

// The oracle: the same message built with the reference implementation's
// primitives, numbers unpacked, with fields we do not know in between.
func TestDecodesUnpackedNumbersAndUnknownFields(t *testing.T) {
	var f []byte
	f = protowire.AppendTag(f, 1, protowire.BytesType)
	f = protowire.AppendString(f, "n")
	f = protowire.AppendTag(f, 2, protowire.VarintType)
	f = protowire.AppendVarint(f, 2)
	for _, v := range []uint64{7, 1 << 40} {
		f = protowire.AppendTag(f, 6, protowire.VarintType)
		f = protowire.AppendVarint(f, v)
	}
	var d []byte
	d = protowire.AppendTag(d, 1, protowire.BytesType)
	d = protowire.AppendString(d, "d")
	d = protowire.AppendTag(d, 7, protowire.Fixed64Type)
	d = protowire.AppendFixed64(d, math.Float64bits(2.5))
	d = protowire.AppendTag(d, 8, protowire.VarintType) // a second type in one field
	d = protowire.AppendVarint(d, 1)
	var b []byte
	b = protowire.AppendTag(b, 99, protowire.Fixed32Type)
	b = protowire.AppendFixed32(b, 1)
	b = protowire.AppendTag(b, 1, protowire.BytesType)
	b = protowire.AppendBytes(b, make([]byte, 16))
	b = protowire.AppendTag(b, 2, protowire.VarintType)
	b = protowire.AppendVarint(b, 42)
	b = protowire.AppendTag(b, 5, protowire.VarintType)
	b = protowire.AppendVarint(b, math.MaxUint64) // int32(-1) as protobuf writes it
	b = protowire.AppendTag(b, 10, protowire.BytesType)
	b = protowire.AppendBytes(b, f)
	b = protowire.AppendTag(b, 10, protowire.BytesType)
	b = protowire.AppendBytes(b, d)
	b = protowire.AppendTag(b, 300, protowire.BytesType)
	b = protowire.AppendString(b, "later version")

	var m message.Message
	require.NoError(t, m.Unmarshal(b))
	require.EqualValues(t, -1, m.Severity())
	require.False(t, m.HasPID())
	require.Equal(t, 2, m.Field("n").Len())
	require.EqualValues(t, 1<<40, m.Field("n").At(1).Int())
	require.Equal(t, 1, m.Field("d").Len(), "a field keeps the type of its first value")
	require.Equal(t, 2.5, m.Field("d").At(0).Double())
}

func TestMalformed(t *testing.T) {
	good := message.AppendMessage(nil, sample())
	for name, b := range map[string][]byte{
		"empty":            {},
		"no timestamp":     good[:18],
		"short uuid":       {1<<3 | 2, 3, 1, 2, 3, 2 << 3, 1},
		"cut off":          good[:len(good)-1],
		"length too long":  append(append([]byte{}, good...), 4<<3|2, 0xff, 0xff, 0x7f),
		"group wire type":  append(append([]byte{}, good...), 20<<3|3),
		"field number 0":   append(append([]byte{}, good...), 0, 0),
		"endless number":   append(append([]byte{}, good...), 2<<3, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1),
		"field, no name":   append(append([]byte{}, good...), 10<<3|2, 2, 2<<3, 3),
		"field, type 9":    append(append([]byte{}, good...), 10<<3|2, 5, 1<<3|2, 1, 'a', 2<<3, 9),
		"short double":     append(append([]byte{}, good...), 10<<3|2, 6, 1<<3|2, 1, 'a', 7<<3|2, 1, 0),
		"unfinished value": append(append([]byte{}, good...), 10<<3|2, 6, 1<<3|2, 1, 'a', 6<<3|2, 1, 0x80),
	} {
		t.Run(name, func(t *testing.T) {
			m := sample()
			require.ErrorIs(t, m.Unmarshal(b), message.ErrMalformed)
			require.Empty(t, m.Fields, "nothing half-read stays")
		})
	}
}

func TestEncodeAllocatesNothing(t *testing.T) {
	m := sample()
	buf := message.AppendMessage(nil, m)
	shared := string(buf)
	var into message.Message
	require.NoError(t, into.UnmarshalString(shared))
	require.Zero(t, testing.AllocsPerRun(100, func() {
		buf = message.AppendMessage(buf[:0], m)
		if err := into.UnmarshalString(shared); err != nil {
			t.Fatal(err)
		}
	}))
}

func FuzzUnmarshal(f *testing.F) {
	f.Add(message.AppendMessage(nil, sample()))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		var m message.Message
		if m.Unmarshal(b) != nil {
			return
		}
		again := message.AppendMessage(nil, &m)
		if len(again) != message.Size(&m) {
			t.Fatalf("Size says %d, encoded %d", message.Size(&m), len(again))
		}
		var n message.Message
		if err := n.Unmarshal(again); err != nil {
			t.Fatalf("own encoding refused: %v", err)
		}
		if third := message.AppendMessage(nil, &n); string(third) != string(again) {
			t.Fatal("encoding is not stable")
		}
	})
}
