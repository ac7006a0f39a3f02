package matcher_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/pkg/matcher"
	"github.com/tocsin-lma/tocsin/pkg/message"
)

func sample() *message.Message {
	m := &message.Message{
		UUID:      message.UUID{0x0a, 0x1b, 0x2c, 0x3d, 0x4e, 0x5f, 0x4a, 0x6b, 0x8c, 0x7d, 0x9e, 0x0f, 0x1a, 0x2b, 0x3c, 0x4d},
		Timestamp: 1489399140500000000, Type: "log", Logger: "openstack.nova", Payload: `it's "on" a/b`, Hostname: "ctl01",
	}
	m.SetSeverity(6)
	m.AddString("service", "nova-api")
	m.AddDouble("value", 2.5, "")
	m.AddInteger("count", 3, "")
	m.AddBool("alerting_enabled", true)
	m.AddStrings("tags", "a", "b")
	m.AddString("service", "second")
	m.AddField(message.NewField("empty", ""))
	m.AddField(message.NewField("raw", "", message.BytesValue("bytes")))
	return m
}

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		expr string
		want bool
	}{
		{"TRUE", true},
		{"FALSE", false},
		{"TRUE && FALSE || TRUE", true},
		{"TRUE || FALSE && FALSE", true},
		{"(TRUE || FALSE) && FALSE", false},
		{"Type == 'log'", true},
		{`Type == "log"`, true},
		{"Type != 'log'", false},
		{"Type == 'heka.sandbox.log'", true},
		{"Type =~ /^lo/", true},
		{"Type =~ /og$/", true},
		{"Type =~ /^log$/", true},
		{"Type =~ /^og/", false},
		{"Type =~ /^heka\\.sandbox\\.log$/", true},
		{"Type !~ /metric$/", true},
		{"Type =~ /L(o|x)g/", false},
		{"Type =~ /(?i)L(o|x)g/", true},
		{"Logger > 'openstack.m'", true},
		{"Logger < 'openstack.m'", false},
		{"Logger >= 'openstack.nova'", true},
		{"Logger <= 'openstack.nova'", true},
		{`Payload == 'it\'s "on" a/b'`, true},
		{`Payload == "it's \"on\" a/b"`, true},
		{`Payload =~ /a\/b/`, true},
		{`Payload =~ /\bon\b/`, true},
		{"EnvVersion == ''", true},
		{"EnvVersion == NIL", true},
		{"Hostname != NIL", true},
		{"Uuid == '0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d'", true},
		{"Severity <= 6", true},
		{"Severity < 6", false},
		{"Pid == 0", true},
		{"Pid == NIL", true},
		{"Severity != NIL", true},
		{"Timestamp > 1.4e18", true},
		{"Timestamp >= '2017-03-13T09:59:00Z'", true},
		{"Timestamp > '2018-01-01T00:00:00Z'", false},
		{"Fields[service] == 'nova-api'", true},
		{"Fields[service][1] == 'second'", true},
		{"Fields[service][2] == NIL", true},
		{"Fields[tags][0][1] == 'b'", true},
		{"Fields[tags][0][2] == 'b'", false},
		{"Fields[tags][0][2] == NIL", true},
		{"Fields[service] =~ /^nova/", true},
		{"Fields[service] !~ /^nova/", false},
		{"Fields[value] == 2.5", true},
		{"Fields[value] > -1e3", true},
		{"Fields[count] >= 3", true},
		{"Fields[count] != 3", false},
		{"Fields[alerting_enabled] == TRUE", true},
		{"Fields[alerting_enabled] == FALSE", false},
		{"Fields[raw] == 'bytes'", true},
		{"Fields[empty] == NIL", true},
		{"Fields[missing] == NIL", true},
		{"Fields[missing] != NIL", false},
		{"Fields[service] != NIL", true},
		// A missing field and a value of another type never match, != included.
		{"Fields[missing] != 'x'", false},
		{"Fields[missing] !~ /x/", false},
		{"Fields[service] != 1", false},
		{"Fields[value] != 'x'", false},
		{"Fields[value] !~ /x/", false},
		{"Fields[service] == TRUE", false},
		{"Type == 'log'\n && FALSE", true}, // a line feed ends the expression
		{"(Type =~ /metric$/ || Type == 'log') && Fields[count] == 3 && Severity != 7", true},
		{`Fields[service] == 'no\pe'`, false},
	} {
		t.Run(c.expr, func(t *testing.T) {
			x, err := matcher.Parse(c.expr)
			require.NoError(t, err)
			require.Equal(t, c.want, x.Match(sample()))
			set := matcher.NewSet(matcher.MustParse("FALSE"), x)
			require.Equal(t, c.want, len(set.Match(nil, sample())) == 1, "joint matching agrees")
			require.Equal(t, c.want, len(set.Match(nil, sample())) == 1, "and again from the index")
		})
	}
}

func TestParseErrors(t *testing.T) {
	for expr, want := range map[string]string{
		"":                             "column 1: want a comparison",
		"  ":                           "want a comparison",
		"Type":                         "column 5: want == !=",
		"Type == log":                  "want a text in quotes, found \"log\"",
		"Type == 'log":                 "want a closing '",
		"Type =~ 'x'":                  "want a regular expression between slashes",
		"Type =~ /(/":                  "want an RE2 regular expression",
		"Severity == 'x'":              "want a number",
		"Severity =~ /x/":              "Severity is a number",
		"Timestamp > 'yesterday'":      "RFC 3339",
		"Fields[a] != TRUE":            "TRUE does not go with this operator",
		"Fields[a] > NIL":              "NIL does not go with this operator",
		"Fields[] == 1":                "want the name of a field",
		"Fields[a][x] == 1":            "want an index",
		"Fields[a == 1":                "want the name of a field",
		"TRUE TRUE":                    "want && or ||",
		"(TRUE":                        "want ')'",
		"TRUE &&":                      "want a comparison",
		"Typo == 'x'":                  "want a comparison",
		"TRUEST":                       "want a comparison",
		strings.Repeat("(", 2000):      "more than 1000",
		strings.Repeat("TRUE&&", 2000): "more than 1000",
	} {
		_, err := matcher.Parse(expr)
		require.ErrorContains(t, err, want, expr)
	}
}

func TestJointMatchingDecidesByTypeOnce(t *testing.T) {
	set := matcher.NewSet(
		matcher.MustParse("Type == 'metric' && Fields[name] == 'cpu_idle'"),
		matcher.MustParse("Type =~ /metric$/"),
		matcher.MustParse("Type == 'log' || Type == 'metric'"),
		matcher.MustParse("TRUE"),
	)
	m := &message.Message{Type: "metric"}
	m.AddString("name", "cpu_idle")
	require.Equal(t, []int{0, 1, 2, 3}, set.Match(nil, m))
	require.Equal(t, []int{2, 3}, set.Match(nil, &message.Message{Type: "log"}))
	require.Equal(t, []int{1, 3}, set.Match(nil, &message.Message{Type: "heka.sandbox.afd_metric"}))
	dst := make([]int, 0, 4)
	require.Zero(t, testing.AllocsPerRun(100, func() { dst = set.Match(dst[:0], m) }))
}

func FuzzParse(f *testing.F) {
	f.Add("(Type =~ /metric$/ || Fields[a][0][1] == 'x') && Severity != 7")
	m := sample()
	f.Fuzz(func(t *testing.T, expr string) {
		x, err := matcher.Parse(expr)
		if err != nil {
			return
		}
		if got := len(matcher.NewSet(x).Match(nil, m)) == 1; got != x.Match(m) {
			t.Fatalf("joint matching says %v", got)
		}
	})
}
