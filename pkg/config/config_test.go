package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/pkg/config"
)

func load(t *testing.T, texts ...string) *config.Node {
	t.Helper()
	n, err := config.Load(sources(texts...)...)
	require.NoError(t, err)
	return n
}

func sources(texts ...string) []config.Source {
	var out []config.Source
	for i, text := range texts {
		out = append(out, config.Source{Name: string(rune('a'+i)) + ".yml", Data: []byte(text)})
	}
	return out
}

func TestMerge(t *testing.T) {
	n := load(t, "a: {x: 1, y: [1, 2]}\nb: old\n---\nc: 3", "a: {y: [3], z: 4}\nb: {now: map}", "a:\n  x: 5\nc: null")
	require.Equal(t, map[string]any{
		"a": map[string]any{"x": int64(5), "y": []any{int64(3)}, "z": int64(4)},
		"b": map[string]any{"now": "map"},
		"c": nil,
	}, n.Value())
	x := n.Get("a", "x")
	require.Equal(t, "c.yml:2", x.Pos().String())
	require.Equal(t, []config.Pos{{File: "a.yml", Line: 1}}, x.Overridden())
	require.Equal(t, []string{"x", "y", "z"}, n.Get("a").Keys())
	require.Equal(t, "a.y.0", n.Lookup("a.y.0").Path())
	require.False(t, n.Get("c").Exists())
	require.Nil(t, n.Get("nothing", "below"))
	require.Nil(t, n.Lookup("a.y.7"))
}

func TestMergeLeavesItsArgumentsAlone(t *testing.T) {
	base, over := load(t, "a: {b: {c: 1}}"), load(t, "a: {b: {c: 2, d: 3}}")
	require.Equal(t, int64(2), config.Merge(base, nil, over).Lookup("a.b.c").Value())
	require.Equal(t, int64(1), base.Lookup("a.b.c").Value())
	require.Nil(t, base.Lookup("a.b.d"))
}

func TestLookupFindsKeysWithDots(t *testing.T) {
	n := load(t, "filter: {influxdb.accumulator: {x: 1}}")
	require.Equal(t, int64(1), n.Lookup("filter.influxdb.accumulator.x").Value())
}

func TestAKeyRepeatedWithTheSameValueIsOneKey(t *testing.T) {
	require.Equal(t, map[string]any{"function": "percent", "x": int64(1)}, load(t, "function: percent\nx: 1\nfunction: percent").Value())
}

func TestYAMLMergeKeys(t *testing.T) {
	n := load(t, "base: &b {x: 1, y: 2}\nuse: {<<: *b, y: 3}\nuse2: {y: 4, <<: [*b]}")
	require.Equal(t, map[string]any{"x": int64(1), "y": int64(3)}, n.Get("use").Value())
	require.Equal(t, map[string]any{"x": int64(1), "y": int64(4)}, n.Get("use2").Value())
	require.Empty(t, n.Lookup("use.x").Overridden())
}

type inner struct {
	Name string `yaml:"name"`
}

type sample struct {
	inner    `yaml:",inline"`
	On       bool                 `yaml:"on"`
	Count    int                  `yaml:"count"`
	Ratio    float64              `yaml:"ratio"`
	Wait     time.Duration        `yaml:"wait"`
	List     []string             `yaml:"list"`
	Children map[string]*inner    `yaml:"children"`
	Raw      *config.Node         `yaml:"raw"`
	Any      any                  `yaml:"any"`
	Hidden   string               `yaml:"-"`
	Word     word                 `yaml:"word"`
	Defaults map[string]inner     `yaml:"defaults"`
	Nested   struct{ Deep uint8 } `yaml:"nested"`
}

type word string

func (w *word) UnmarshalConfig(n *config.Node) error {
	if n.Text() != "good" {
		return n.Errorf("%q is not good", n.Text())
	}
	*w = "fine"
	return nil
}

func TestDecode(t *testing.T) {
	n := load(t, `
name: n
on: "true"
count: "12"
ratio: 5
wait: 1m30s
list: [a, 1, true]
children: {c: {name: x}}
raw: {what: ever}
any: [1, two]
word: good
defaults: {a: {}}
`)
	s := sample{Defaults: map[string]inner{"a": {Name: "kept"}}}
	require.NoError(t, n.Decode(&s))
	require.Equal(t, "n", s.Name)
	require.True(t, s.On)
	require.Equal(t, 12, s.Count)
	require.Equal(t, 5.0, s.Ratio)
	require.Equal(t, 90*time.Second, s.Wait)
	require.Equal(t, []string{"a", "1", "true"}, s.List)
	require.Equal(t, "x", s.Children["c"].Name)
	require.Equal(t, "raw.what", s.Raw.Get("what").Path())
	require.Equal(t, []any{int64(1), "two"}, s.Any)
	require.Equal(t, word("fine"), s.Word)
	require.Equal(t, "kept", s.Defaults["a"].Name)
}

func TestDecodeErrorsNamePlaceValueAndWayOut(t *testing.T) {
	for text, want := range map[string]string{
		"cuont: 1":                      `a.yml:1: cuont: unknown key "cuont"; did you mean "count"?`,
		"zzzzzzzzzz: 1":                 `a.yml:1: zzzzzzzzzz: unknown key "zzzzzzzzzz"; known keys are [any children count defaults list name nested on ratio raw wait word]`,
		"count: x":                      `a.yml:1: count: want a whole number, this is "x"`,
		"count: 1.5":                    `a.yml:1: count: want a whole number, this is "1.5"`,
		"ratio: .nan":                   `a.yml:1: ratio: want a number, this is ".nan"`,
		"on: 1":                         `a.yml:1: on: want true or false, this is "1"`,
		"wait: soon":                    `a.yml:1: wait: "soon" is not a duration; write a number of seconds, or 500ms, 10s, 5m, 720h`,
		"wait: -1":                      `a.yml:1: wait: the duration "-1" is negative`,
		"list: a":                       `a.yml:1: list: want a list, this is a value`,
		"list:\n- {a: b}":               `a.yml:2: list.0: want a text, this is a map`,
		"children: {c: {nmae: x}}":      `a.yml:1: children.c.nmae: unknown key "nmae"; did you mean "name"?`,
		"word: bad":                     `a.yml:1: word: "bad" is not good`,
		"\n\nname: {}":                  `a.yml:3: name: want a text, this is a map`,
		"nested: {password_count: 300}": `a.yml:1: nested.password_count: unknown key "password_count"; no key is known here`,
	} {
		t.Run(text, func(t *testing.T) {
			var s sample
			require.EqualError(t, load(t, text).Decode(&s), want)
		})
	}
}

func TestDecodeReportsEveryError(t *testing.T) {
	var s sample
	err := load(t, "count: x\nratio: y").Decode(&s)
	var e *config.Error
	require.ErrorAs(t, err, &e)
	joined, ok := err.(interface{ Unwrap() []error })
	require.True(t, ok)
	require.Len(t, joined.Unwrap(), 2)
}

func TestLoadErrors(t *testing.T) {
	for text, want := range map[string]string{
		"a: [":                       "a.yml:1: not YAML: did not find expected node content",
		"a: 1\na: 2":                 "a.yml:2: a: this key stands twice in one map; the other one is at line 1",
		"[1]":                        "a.yml:1: the top of a model must be a map, this is a list",
		"a: ${env:NOT_SET_ANYWHERE}": "a.yml:1: a: environment variable NOT_SET_ANYWHERE is not set; set it, or give a default: ${env:NOT_SET_ANYWHERE:-value}",
		"a: ${env:X":                 `a.yml:1: a: "${env:X" lacks its closing brace`,
		"? [a]\n: b":                 "a.yml:1: a key must be a plain word",
		"a: {<<: 1}":                 "a.yml:1: a: '<<' wants a map, this is a value",
	} {
		t.Run(text, func(t *testing.T) {
			_, err := config.Load(sources(text)...)
			require.EqualError(t, err, want)
		})
	}
	_, err := config.LoadPaths(filepath.Join(t.TempDir(), "missing.yml"))
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestInterpolation(t *testing.T) {
	dir := t.TempDir()
	secret := filepath.Join(dir, "secret")
	require.NoError(t, os.WriteFile(secret, []byte("s3cret\n"), 0o600))
	t.Setenv("TOCSIN_TEST_PORT", "8086")
	n := load(t, `
port: ${env:TOCSIN_TEST_PORT}
quoted: "${env:TOCSIN_TEST_PORT}"
url: http://h:${env:TOCSIN_TEST_PORT}/${env:TOCSIN_TEST_NONE:-db}
key: ${file:`+secret+`}
password: plain
literal: $${env:HOME} and ${other}
`)
	require.Equal(t, map[string]any{
		"port": int64(8086), "quoted": "8086", "url": "http://h:8086/db", "key": "<secret>",
		"password": "<secret>", "literal": "${env:HOME} and ${other}",
	}, n.Redacted())
	require.Equal(t, "s3cret", n.Get("key").Value())
	require.True(t, n.Get("password").Secret())
	var into struct {
		Password int    `yaml:"password"`
		Rest     string `yaml:"rest"`
	}
	err := config.Merge(load(t, "password: hunter2")).Decode(&into)
	require.EqualError(t, err, `a.yml:1: password: want a whole number, this is "<secret>"`)
}

func TestFolderIsReadByName(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"20-b.yml": "a: 2", "10-a.yaml": "a: 1", "README.md": "a: [", "sub.yml.bak": "a: ["} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	n, err := config.LoadPaths(dir)
	require.NoError(t, err)
	require.Equal(t, int64(2), n.Get("a").Value())
}

func TestAliasBombIsRefused(t *testing.T) {
	text := "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n"
	for i := 1; i < 9; i++ {
		p, q := string(rune('0'+i-1)), string(rune('0'+i))
		text += "a" + q + ": &a" + q + " [*a" + p + ",*a" + p + ",*a" + p + ",*a" + p + ",*a" + p + ",*a" + p + ",*a" + p + ",*a" + p + ",*a" + p + ",*a" + p + "]\n"
	}
	_, err := config.Load(sources(text)...)
	require.ErrorContains(t, err, "more than 1000000 values")
}

func TestNearest(t *testing.T) {
	for word, want := range map[string]string{"widnow": "window", "metricc": "metric", "functoin": "function", "elephant": ""} {
		got, _ := config.Nearest(word, []string{"window", "metric", "function", "threshold"})
		require.Equal(t, want, got, word)
	}
}

func FuzzLoad(f *testing.F) {
	f.Add("a: {x: 1}\n---\nb: [1, ${env:X:-2}]")
	f.Add("a: &a {<<: *a}")
	f.Fuzz(func(t *testing.T, text string) {
		n, err := config.Load(config.Source{Name: "f.yml", Data: []byte(text)})
		if err != nil {
			var e *config.Error
			if !errors.As(err, &e) {
				t.Fatalf("error without a place: %v", err)
			}
			return
		}
		var s sample
		_ = n.Decode(&s)
	})
}
