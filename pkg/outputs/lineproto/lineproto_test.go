package lineproto_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tocsin-lma/tocsin/pkg/message"
	"github.com/tocsin-lma/tocsin/pkg/outputs/lineproto"
)

func TestParse(t *testing.T) {
	for line, want := range map[string]lineproto.Point{
		"cpu value=1.000000 1489399140500": {
			Name: "cpu", Fields: []lineproto.Field{{Name: "value", Number: 1}}, Time: 1489399140500,
		},
		`my\ cpu\,x,host=a\=b,k=v\ w value=-2.5e3,n=7i,u=8u,ok=t,no=false`: {
			Name:   "my cpu,x",
			Tags:   []lineproto.Pair{{"host", "a=b"}, {"k", "v w"}},
			Fields: []lineproto.Field{{Name: "value", Number: -2500}, {Name: "n", Number: 7}, {Name: "u", Number: 8}, {Name: "ok", Number: 1}, {Name: "no"}},
		},
		`a text="x, y = \"z\" \\ w",b=2 5`: {
			Name: "a", Fields: []lineproto.Field{{Name: "text", Text: `x, y = "z" \ w`, IsText: true}, {Name: "b", Number: 2}}, Time: 5,
		},
		`c:\dir f=1`: {Name: `c:\dir`, Fields: []lineproto.Field{{Name: "f", Number: 1}}},
	} {
		var p lineproto.Point
		require.NoError(t, lineproto.Parse(line, &p), line)
		require.Equal(t, want.Name, p.Name)
		require.Equal(t, want.Fields, p.Fields)
		require.Equal(t, want.Time, p.Time)
		require.ElementsMatch(t, want.Tags, p.Tags)
	}
	for _, bad := range []string{
		"", "cpu", "cpu ", " value=1", "cpu value", "cpu value=", "cpu value=x", `cpu value="x`, "cpu,host value=1",
		"cpu,host= value=1", "cpu value=1 soon", "cpu =1",
	} {
		var p lineproto.Point
		require.ErrorIs(t, lineproto.Parse(bad, &p), message.ErrPermanent, bad)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(`my\ cpu\,x,host=a\=b,k=v\ w value=-2.5e3,n=7i 12`)
	f.Add(`a text="x, y = \"z\" \\ w",b=2 5`)
	f.Fuzz(func(t *testing.T, line string) {
		var p lineproto.Point
		if lineproto.Parse(line, &p) != nil {
			return
		}
		require.NotEmpty(t, p.Name)
		require.NotEmpty(t, p.Fields)
	})
}
