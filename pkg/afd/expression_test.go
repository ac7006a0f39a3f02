package afd_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/pkg/afd"
	"github.com/tocsin-lma/tocsin/pkg/message"
)

func value(v any) message.Value {
	switch v := v.(type) {
	case int:
		return message.IntegerValue(int64(v))
	case float64:
		return message.DoubleValue(v)
	case bool:
		return message.BoolValue(v)
	}
	return message.StringValue(v.(string))
}

type matchCase struct {
	expr string
	v    any
	want bool
}

func comparisons() []matchCase {
	return []matchCase{
		// plain literals
		{"/var/log", "/var/log", true},
		{"/var/log", "/var/log/mysql", false},
		{`"/var/log"`, "/var/log", false},
		{`"/var/log"`, `"/var/log"`, true},
		{" a", "a", false},
		{" a", " a", true},
		{"10", 10, true},
		{"10", 10.0, true},
		{"10", "10.0", false},
		{"10.0", 10, true},
		{"10", 11, false},
		{"a b", "a b", true},
		{"true", true, true},
		{"0x10", 16, false},
		// numeric mode
		{"== 10", " 10", true},
		{"==10", "10.0", true},
		{"== 10.0", " 10.0 ", true},
		{" <=11", "-11", true},
		{"!= 12", "foo", false},
		{"!= 12", 42, true},
		{">= 200 && < 300", 204, true},
		{">=200&&<300", 300, false},
		{">=200&&<300", "200", true},
		{">= 200 && < 300", "", false},
		{">400 || >= 200 && < 300", "500", true},
		{">=300 && <500 || >= 200 && < 300", "500", false},
		{">=300 && <500 || 7", 7, true},
		{"== 1e3", 1000, true},
		{"== 1", true, false},
		{"< 14", "-0", true},
		{"== 16", "0x10", false},
		// string mode
		{"== db", "db", true},
		{"== bad", "bad", true},
		{"== 0x10", "0x10", true},
		{"==/var/log ", "/var/log", true},
		{"==\t/var/log", "/var/log", true},
		{`== " /var/log "`, " /var/log ", true},
		{`== "/var/log"`, "/var/log ", false},
		{"!= foo", " 10", true},
		{"== foo || bar", "bar", true},
		{"== foo || bar", "??", false},
		{"!= foo || != bar", "42", true},
		{"!= foo && != bar", "foo", false},
		{`=~ "foo||bar" || foo`, "foo||bar", true},
		{"== a||b", "a||b", true},
		{"== 200 || == x", 200, true},
		{"=~ ^2%d%d$", 204, true},
		{"!= 5 && =~ %d", 5, false},
	}
}

func patterns() []matchCase {
	return []matchCase{
		// patterns
		{"=~ /var/lib/ceph/osd/ceph%-%d+", "/var/lib/ceph/osd/ceph-42", true},
		{`=~ "ceph%-%d+$"`, "ceph-42 ", false},
		{"=~ -", "-", true},
		{"!~ osd%-%d+", "/var/log", true},
		{"=~ osd%-%d && !~ /var/log", "/var/log/osd-3", false},
		{`=~ "foo bar"`, "xfoo barx", true},
		{"=~ ^%a[%w_]*$", "a_1", true},
		{"=~ ^%a[%w_]*$", "1a", false},
		{"=~ ^(.-)=%1$", "ab=ab", true},
		{"=~ ^(.-)=%1$", "ab=ac", false},
		{"=~ %b()", "f(a(b)c)", true},
		{"=~ ^[^/]+/[^/]*$", "a/", true},
		{"=~ %f[%w]cat%f[%W]", "a cat!", true},
		{"=~ %f[%w]cat%f[%W]", "concat", false},
		{"=~ x-y", "xxy", true},
		{"=~ [%]]", "]", true},
		{"=~ []]", "]", true},
		{"=~ [a-]", "-", true},
		{"=~ [", "[", false},
		{"!~ [", "[", false},
		{"=~ %", "%", false},
		{"!~ %", "a", false},
		{"!~ a[", "b", false},
		{"=~ (a", "a", false},
		{"!~ a)", "b", false},
	}
}

func TestExpressionMatch(t *testing.T) {
	for _, c := range append(comparisons(), patterns()...) {
		e, err := afd.ParseExpression(c.expr)
		require.NoError(t, err, c.expr)
		require.Equal(t, c.want, e.Match(value(c.v)), "%q on %#v", c.expr, c.v)
		require.Equal(t, c.expr, e.String())
	}
}

func TestExpressionErrors(t *testing.T) {
	for _, expr := range []string{
		"", " ", "\t", "== a ||", "|| == 1", "&& 1 && 1", " && 1", "&& != 12", "> bar", ">= 5 && < x", "==", "a || ", "== a b", `== "a"b`, "=~ a && > 5",
	} {
		_, err := afd.ParseExpression(expr)
		require.ErrorContains(t, err, "expression", expr)
	}
}

// A pattern whose backtracking explodes is given up instead of stopping the node.
func TestExpressionBoundsItsWork(t *testing.T) {
	e, err := afd.ParseExpression("=~ ^.-.-.-.-.-.-.-.-.-.-b$")
	require.NoError(t, err)
	long := make([]byte, 2000)
	for i := range long {
		long[i] = 'a'
	}
	require.False(t, e.Match(message.StringValue(string(long))))
}

func FuzzExpression(f *testing.F) {
	for _, s := range []string{"/var/log", ">=200&&<300", `== "a b" || =~ ^osd%-%d+$`, "!~ [", "== db", "=~ %b()", "=~ (a*(.)%w(%s*))", "=~ %f[%w]"} {
		f.Add(s, "osd-1")
	}
	f.Fuzz(func(t *testing.T, expr, v string) {
		e, err := afd.ParseExpression(expr)
		if err != nil {
			return
		}
		got := e.Match(message.StringValue(v))
		again, err := afd.ParseExpression(e.String())
		if err != nil || again.Match(message.StringValue(v)) != got {
			t.Fatalf("%q on %q is not stable", expr, v)
		}
	})
}
