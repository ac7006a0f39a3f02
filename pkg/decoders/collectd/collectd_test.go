package collectd_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"

	"github.com/tocsin-lma/tocsin/pkg/decoders"
	"github.com/tocsin-lma/tocsin/pkg/decoders/collectd"
	"github.com/tocsin-lma/tocsin/pkg/message"
	"github.com/tocsin-lma/tocsin/pkg/sandbox"
	"github.com/tocsin-lma/tocsin/plugins"
)

func options(tb testing.TB) sandbox.Options {
	tb.Helper()
	source, err := plugins.FS.ReadFile("lua/decoders/collectd.lua")
	require.NoError(tb, err)
	modules, err := fs.Sub(plugins.FS, "lua/modules")
	require.NoError(tb, err)
	return sandbox.Options{
		Kind: sandbox.KindDecoder, Name: "collectd", Script: "lua/decoders/collectd.lua", Source: source, Shipped: modules,
		Config: map[string]any{"hostname": "config-hostname", "swap_size": 10.0}, Hostname: "node",
		Tags:   map[string]string{"environment_label": "lab"},
		Clock:  func() time.Time { return time.Unix(1489400000, 0) },
		Limits: sandbox.Limits{Instructions: 20_000_000, Memory: 64 << 20},
	}
}

// pair is the decoder and what it stands for.
type pair struct {
	native *collectd.Decoder
	lua    *decoders.Sandbox
}

func open(tb testing.TB, opts sandbox.Options) pair {
	tb.Helper()
	native, err := collectd.New(opts, slog.New(slog.DiscardHandler))
	require.NoError(tb, err)
	lua, err := decoders.NewSandbox(opts, slog.New(slog.DiscardHandler))
	require.NoError(tb, err)
	tb.Cleanup(func() {
		require.NoError(tb, native.Close(nil))
		_ = lua.Close(func(*message.Message) error { return nil })
	})
	return pair{native, lua}
}

func record(payload string) *message.Message {
	m := &message.Message{
		UUID: message.DerivedUUID(1, 2, 0), Type: "heka.httpdata.request", Logger: "collectd_in", Hostname: "self",
		Timestamp: 1489400000e9, Payload: payload,
	}
	m.SetPID(7)
	return m
}

// decode returns what d makes of payload, each message as text with its fields in
// order of their names.
func decode(d decoders.Decoder, payload string) (out []string, err error) {
	err = d.Decode(record(payload), func(m *message.Message) error {
		c := m.Clone()
		sort.SliceStable(c.Fields, func(i, j int) bool { return c.Fields[i].Name < c.Fields[j].Name })
		var text strings.Builder
		fmt.Fprintf(&text, "%s %d %s %s %s sev=%d pid=%d %q", c.UUID, c.Timestamp, c.Type, c.Logger, c.Hostname, c.Severity(), c.PID(), c.Payload)
		for i := range c.Fields {
			f := &c.Fields[i]
			fmt.Fprintf(&text, " %s(%s,%s)=", f.Name, f.Type, f.Representation)
			for j := range f.Len() {
				fmt.Fprintf(&text, "%q ", f.At(j).Text())
			}
		}
		out = append(out, text.String())
		return nil
	})
	return out, err
}

// same decodes payload both ways and compares, twice: the second time the series
// are known.
func (p pair) same(t testing.TB, payload string) []string {
	t.Helper()
	var out []string
	for range 2 {
		want, wrong := decode(p.lua, payload)
		got, err := decode(p.native, payload)
		require.Empty(t, cmp.Diff(want, got), "payload %.2000s", payload)
		var partly *decoders.Partly
		require.Equal(t, errors.Is(wrong, decoders.ErrRejected), errors.Is(err, decoders.ErrRejected), "%v / %v: %s", wrong, err, payload)
		if err != nil && !errors.Is(err, decoders.ErrRejected) {
			require.ErrorAs(t, err, &partly)
		}
		out = got
	}
	return out
}

// samples are the inputs of the golden files and the rows of the mapping table.
func samples(t testing.TB) []string {
	t.Helper()
	var list []string
	rows, err := os.ReadFile(filepath.Join("..", "..", "..", "plugins", "testdata", "collectd_mapping.tsv"))
	require.NoError(t, err)
	for _, line := range strings.Split(strings.TrimRight(string(rows), "\n"), "\n")[1:] {
		c := strings.Split(strings.NewReplacer("<", "", ">", "").Replace(line)+"\t\t\t\t\t\t", "\t")
		names := strings.Split(c[4], ",")
		kinds, values := make([]string, len(names)), make([]float64, len(names))
		for i := range names {
			kinds[i], values[i] = "derive", 10*float64(i)+0.1
		}
		s := map[string]any{
			"plugin": c[0], "plugin_instance": c[1], "type": c[2], "type_instance": c[3], "values": values, "dsnames": names,
			"dstypes": kinds, "time": 1489399990.25, "interval": 10, "host": "host.example.org",
		}
		if c[5] != "" {
			s["meta"] = json.RawMessage(c[5])
		}
		text, err := json.Marshal(s)
		require.NoError(t, err)
		list = append(list, string(text))
	}
	require.Greater(t, len(list), 190)
	cases, err := os.ReadFile(filepath.Join("..", "..", "..", "plugins", "testdata", "decoders", "collectd", "cases.ndjson"))
	require.NoError(t, err)
	n := len(list)
	for _, line := range strings.Split(string(cases), "\n") {
		for _, step := range gjson.Get(line, "steps.#.msg.Payload").Array() {
			list = append(list, step.Str)
		}
	}
	require.Greater(t, len(list), n+5)
	return list
}

// asRecord puts a sample into an array; a record is taken as it is.
func asRecord(s string) string {
	if strings.HasPrefix(strings.TrimSpace(s), "{") {
		return "[" + s + "]"
	}
	return s
}

const one = `{"values":[428.5],"dstypes":["gauge"],"dsnames":["value"],"time":1741773600.123,"interval":10.000,"host":"n1.example.org","plugin":"cpu","plugin_instance":"0","type":"percent","type_instance":"user"}`

func replaced(pairs ...string) string { return strings.NewReplacer(pairs...).Replace(one) }

// variants are records that are hard to get right.
func variants() map[string]string {
	odd := map[string]string{
		"one": one, "null": replaced("428.5", "null"), "no time": replaced(`"time":1741773600.123,`, ""),
		"time null": replaced("1741773600.123", "null"), "time text": replaced("1741773600.123", `"x"`),
		"time zero": replaced("1741773600.123", "0"), "time huge": replaced("1741773600.123", "1e300"), "time negative": replaced("1741773600.123", "-5.5"),
		"whole time": replaced("1741773600.123", "1741773600"), "time exponent": replaced("1741773600.123", "1.7417736e9"), "micro": replaced("1741773600.123", "1741773600.123456789"),
		"no host": replaced(`"host":"n1.example.org",`, ""), "host number": replaced(`"n1.example.org"`, "7"), "address": replaced("n1.example.org", "10.0.0.1"),
		"v6": replaced("n1.example.org", "fe80::1"), "no plugin": replaced(`"cpu"`, `""`), "plugin number": replaced(`"cpu"`, `5`),
		"two values": replaced("428.5", "1,2"), "two names": replaced(`"value"`, `"a","b"`), "no values": replaced("[428.5]", "[]"), "none at all": replaced("[428.5]", "[]", `["value"]`, "[]"),
		"text value": replaced("428.5", `"x"`), "true": replaced("428.5", "true"), "nested": replaced("428.5", "[1]"), "object": replaced("[428.5]", `{"a":1}`),
		"huge": replaced("428.5", "1e999"), "tiny": replaced("428.5", "1e-320"), "exact": replaced("428.5", "0.1000000000000000055511151231257827"), "big int": replaced("428.5", "9007199254740993"),
		"minus zero": replaced("428.5", "-0"), "leading zero": replaced("428.5", "01"), "plus": replaced("428.5", "+1"), "dot": replaced("428.5", "1."), "nan": replaced("428.5", "NaN"), "hex": replaced("428.5", "0x10"),
		"values twice": replaced(`"interval"`, `"values":[7],"interval"`), "time twice": replaced(`"interval"`, `"time":5,"interval"`), "values escaped": replaced(`"values"`, `"v\u0061lues"`),
		"values in meta": replaced(`"host"`, `"meta":{"values":[9],"time":3,"queue":"q"},"host"`), "blanks": replaced(":", " : ", ",", " ,\n", "[", "[ "),
		"escapes": replaced(`"user"`, `"us\"er\\"`), "braces in text": replaced(`"user"`, `"us}]er{["`), "control": replaced(`"user"`, "\"us\ner\""), "utf8": replaced(`"user"`, "\"us\xff\xfeer é\""),
		"notification": `{"labels":{"plugin":"cpu","severity":"FAILURE","instance":"n1.x"},"annotations":{"summary":"hot"},"startsAt":"2017-03-13T10:00:00.5Z"}`, "notification shaped": replaced(`"plugin":"cpu"`, `"labels":{"a":"b"}`),
		"number": "5", "word": "true", "text": `"x"`, "list": "[1]", "null itself": "null", "empty": "{}", "broken": `{"a":}`, "broken word": "nul", "unfinished": `{"a":1`, "mixed brackets": `{"a":[1}]`,
		"swap": replaced(`"cpu"`, `"swap"`, `"percent"`, `"swap"`, `"user"`, `"used"`), "cputime": replaced(`"cpu"`, `"processes"`, `"percent"`, `"ps_cputime"`, `"value"`, `"user"`, "428.5", "123456.7"),
		"service check": replaced(`"host"`, `"meta":{"service_check":"api","failure":"no route","local_check":true},"host"`), "discard": replaced(`"host"`, `"meta":{"discard_hostname":true,"unit":"B"},"host"`, `"cpu"`, `"x.y"`),
		"dropped": replaced(`"cpu"`, `"neutron"`, `"user"`, `"networks"`), "virt": replaced(`"cpu"`, `"virt"`, `"percent"`, `"virt_vcpu"`), "interval text": replaced("10.000", `"x"`),
		"meta list": replaced(`"host"`, `"meta":[{"b":1}],"host"`), "meta clash": replaced(`"host"`, `"meta":{"value":1,"name":"n","interval":5,"source":"s","hostname":"h2"},"host"`, `"cpu"`, `"own"`),
		"dstype number": replaced(`"gauge"`, "5"), "dsname number": replaced(`["value"]`, "[5]"),
	}
	all := map[string]string{
		"no array": one, "nothing": "", "blank": "  ", "empty array": " [ ] ", "two arrays": "[" + one + "][]", "trailing comma": "[" + one + ",]", "leading comma": "[," + one + "]",
		"cut": "[" + one + ",", "cut in text": "[" + one[:90], "good and good": "[" + one + "," + replaced("428.5", "9") + "]", "words": "[" + one + " " + one + "]",
	}
	for name, text := range odd {
		all[name] = "[" + text + "]"
		all[name+", before a good one"] = "[" + text + "," + one + "]"
		all[name+", after good ones"] = "\n[" + one + " , " + replaced("user", "idle", "428.5", "3") + "," + text + "]\n"
	}
	return all
}

// TestSameAsLua is the proof that the native decoder and collectd.lua are one.
func TestSameAsLua(t *testing.T) {
	p := open(t, options(t))
	list := samples(t)
	for _, s := range list {
		p.same(t, asRecord(s))
	}
	for name, payload := range variants() {
		t.Run(name, func(t *testing.T) { p.same(t, payload) })
	}
	require.NotEmpty(t, p.same(t, "["+one+"]"))
}

func FuzzSameAsLua(f *testing.F) {
	for _, payload := range variants() {
		f.Add(payload)
	}
	for _, s := range samples(f) {
		f.Add(asRecord(s))
	}
	p := open(f, options(f))
	f.Fuzz(func(t *testing.T, payload string) {
		if len(payload) > 8<<10 {
			return
		}
		p.same(t, payload)
	})
}

// numbered is a sample of one of many series.
func numbered(series, value int) string {
	return replaced(`"plugin_instance":"0"`, fmt.Sprintf(`"plugin_instance":"%d"`, series), "428.5", fmt.Sprint(value))
}

// TestRecordAsLargeAsTheInputTakes: no limit of the Lua plugin depends on how much
// is posted at once, and what is not in order costs only itself.
func TestRecordAsLargeAsTheInputTakes(t *testing.T) {
	opts := options(t)
	opts.Limits = sandbox.Limits{} // those of a plugin that names none
	d, err := collectd.New(opts, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	defer func() { require.NoError(t, d.Close(nil)) }()
	wild := replaced(`"dsnames":["value"]`, `"dsnames":["value"`+strings.Repeat(`,"x"`, 200_000)+`]`, "[428.5]", "[1"+strings.Repeat(",2", 200_000)+"]")
	list := []string{wild, replaced(`"cpu"`, `7`)}
	size, good := len(wild), 0
	for ; size < 8<<20; good++ {
		list = append(list, numbered(good%700, good))
		size += len(list[len(list)-1]) + 1
	}
	values, seen := 0, map[message.UUID]bool{}
	err = d.Decode(record("["+strings.Join(list, ",")+"]"), func(m *message.Message) error {
		v, ok := m.Number("value")
		require.True(t, ok)
		require.EqualValues(t, values, v)
		require.False(t, seen[m.UUID], "identities differ")
		seen[m.UUID] = true
		values++
		return nil
	})
	require.Greater(t, good, 30_000)
	require.Equal(t, good, values)
	var partly *decoders.Partly
	require.ErrorAs(t, err, &partly)
	require.Equal(t, 2, partly.Rejected)
	require.Equal(t, good+2, partly.Of)
}

// TestKnownSeriesAreBounded decodes more series than are remembered.
func TestKnownSeriesAreBounded(t *testing.T) {
	opts := options(t)
	opts.Config["known_series"] = 3.0
	p := open(t, opts)
	for round := range 3 {
		for i := range 10 {
			require.Len(t, p.same(t, "["+numbered(i, round)+"]"), 1)
		}
	}
}

// TestEmitErrorEndsTheRecord: the error of the next stage is passed on.
func TestEmitErrorEndsTheRecord(t *testing.T) {
	p := open(t, options(t))
	full := errors.New("full")
	calls := 0
	err := p.native.Decode(record("["+one+","+one+"]"), func(*message.Message) error { calls++; return full })
	require.ErrorIs(t, err, full)
	require.NotErrorIs(t, err, decoders.ErrRejected)
	require.Equal(t, 1, calls)
	require.Len(t, p.same(t, "["+one+"]"), 1)
}

// TestRulesOfTheOperator: a module that stands before the shipped one is asked.
func TestRulesOfTheOperator(t *testing.T) {
	dir := t.TempDir()
	rules := `local M = {}; setfenv(1, M); function rule() return function(m) m:tag("own", "x"); m.factor = 3; return "mine" end end; return M`
	require.NoError(t, os.WriteFile(filepath.Join(dir, "collectd_names.lua"), []byte(rules), 0o600))
	opts := options(t)
	opts.ModuleDirs = []string{dir}
	got := open(t, opts).same(t, "["+one+"]")
	require.Len(t, got, 1)
	require.Contains(t, got[0], `value(double,)="1285.5"`)
	require.Contains(t, got[0], `name(string,)="mine"`)
}
