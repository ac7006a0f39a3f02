package entry_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/pkg/sandbox/entry"
)

// show prints pairs; nested names are marked with an apostrophe.
func show(pairs []entry.Pair) string {
	var b strings.Builder
	for _, p := range pairs {
		b.WriteString(p.Name)
		if p.Nested {
			b.WriteByte('\'')
		}
		b.WriteString("=" + value(p) + " ")
	}
	return strings.TrimSpace(b.String())
}

func value(p entry.Pair) string {
	switch p.Kind {
	case entry.Number:
		return fmt.Sprint(p.Number)
	case entry.Bool:
		return fmt.Sprint(p.Bool)
	case entry.List:
		var list []string
		for _, v := range p.List {
			list = append(list, value(v))
		}
		return "[" + strings.Join(list, " ") + "]"
	}
	return fmt.Sprintf("%q", p.Text)
}

func TestRead(t *testing.T) {
	for _, c := range []struct {
		format, line, want string // want "-": refused
	}{
		{"json", `{}`, ""},
		{"json", ` { "a" : 1 , "b" : "x" , "c" : true , "d" : null , "e" : -1.5e2 } `, `a=1 b="x" c=true e=-150`},
		{"json", `{"a":{"b":{"c":{"d":{"e": [1, 2]}}}}}`, `a.b.c.d'="{\"e\":[1,2]}"`},
		{"json", `{"a":["x","y"],"n":[1,2],"m":[1,"x"],"o":[{"p": "q\" "}],"z":[],"u":[null]}`, `a=["x" "y"] n=[1 2] m="[1,\"x\"]" o="[{\"p\":\"q\\\" \"}]" u="[null]"`},
		{"json", `{"a":"\u00e4\ud83d\ude00\n\"\\\/"}`, `a="ä😀\n\"\\/"`},
		{"json", `{"a":NaN,"b":12345678901234567890}`, "a=NaN b=1.2345678901234567e+19"},
		{"json", `{"a":1,"a":2}`, "a=1 a=2"},
		{"json", `{"a":"\ud83d"}`, "-"},
		{"json", `{"a":1`, "-"},
		{"json", `{"a":1} x`, "-"},
		{"json", `[1]`, "-"},
		{"json", `{"a":[1,]}`, "-"},
		{"json", `{"a":"\x"}`, "-"},
		{"json", `{"a":` + strings.Repeat("[", 2000) + strings.Repeat("]", 2000) + `}`, "-"},
		{"logfmt", `a=b c="d \"e\"\n" f g= h="i`, `a="b" c="d \"e\"\n" f=true g="" h="\"i"`},
		{"logfmt", `prose a=b`, "-"},
		{"logfmt", `a="b"c`, "-"},
		{"logfmt", ``, "-"},
		{"structured_data", `[ex@1 a="b" c="d\"\]\\\n"][x@2]`, `ex@1.a'="b" ex@1.c'="d\"]\\\\n" x@2=true`},
		{"structured_data", `[ex@1 a="b]`, "-"},
		{"journal", "A=b\nC\n\x03\x00\x00\x00\x00\x00\x00\x00x\ny\nD=\n", `A="b" C="x\ny" D=""`},
		{"journal", "C\n\xff\xff\xff\xff\xff\xff\xff\xffx", "-"},
		{"journal", "no key\n", "-"},
		{"journal_json", `{"A":"b","B":[104,105],"C":["x","y"],"D":[300]}`, `A="b" B="hi" C="x"`},
	} {
		f, ok := entry.ParseFormat(c.format)
		require.True(t, ok)
		var r entry.Reader
		pairs, ok := r.Read(f, c.line)
		if c.want == "-" {
			require.False(t, ok, "%s %.60q", c.format, c.line)
			continue
		}
		require.True(t, ok, "%s %q", c.format, c.line)
		require.Equal(t, c.want, show(pairs), "%s %q", c.format, c.line)
	}
	_, ok := entry.ParseFormat("yaml")
	require.False(t, ok)
}

func TestRest(t *testing.T) {
	var r entry.Reader
	pairs, ok := r.Read(entry.Journal, "\nA=1\n\n\nB=2\n\n")
	require.True(t, ok)
	require.Equal(t, `A="1"`, show(pairs))
	require.Equal(t, "B=2\n\n", r.Rest())
	_, ok = r.Read(entry.Journal, r.Rest())
	require.True(t, ok)
	require.Empty(t, r.Rest())
}

// FuzzRead checks that no line makes a reader crash, and that every object that
// encoding/json reads is read.
func FuzzRead(f *testing.F) {
	for i, line := range []string{`{"a":{"b":[1,"x"]},"c":"\u00e4\n"}`, `a=b c="d\"" e`, `[a@1 b="c\]"]`, "A=b\nC\n\x01\x00\x00\x00\x00\x00\x00\x00x\n", `{"A":[1,2]}`} {
		f.Add(uint8(i), line)
	}
	f.Fuzz(func(t *testing.T, which uint8, line string) {
		var r entry.Reader
		format := entry.Format(which % 5)
		pairs, ok := r.Read(format, line)
		size := 0
		for _, p := range pairs {
			size += len(p.Name) + len(p.Text)
		}
		require.LessOrEqual(t, size, 8*len(line)*(len(line)+1), "more than names of names can make")
		var object map[string]any
		if format == entry.JSON && json.Unmarshal([]byte(line), &object) == nil && object != nil && !strings.Contains(line, `\u`) {
			require.True(t, ok, "%q", line)
		}
	})
}

func BenchmarkRead(b *testing.B) {
	for name, line := range map[string]string{
		"json":   `{"time":"2016-10-06T00:17:09Z","level":"warn","msg":"request served","path":"/x","status":200,"user":"bob"}`,
		"logfmt": `time=2016-10-06T00:17:09Z level=warn msg="request served" path=/x status=200 user=bob`,
	} {
		f, _ := entry.ParseFormat(name)
		b.Run(name, func(b *testing.B) {
			var r entry.Reader
			b.ReportAllocs()
			for b.Loop() {
				if _, ok := r.Read(f, line); !ok {
					b.Fatal("refused")
				}
			}
		})
	}
}
