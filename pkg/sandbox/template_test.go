package sandbox_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/pkg/message"
	"github.com/tocsin-lma/tocsin/pkg/sandbox"
	"github.com/tocsin-lma/tocsin/plugins"
)

// decoderCase is a case of a shipped decoder's test data.
type decoderCase struct {
	ID     string
	Config map[string]any
	Clock  int64
	Steps  []struct {
		Msg *struct{ Type, Logger, Hostname, Payload string }
	}
}

func decoderCases(t *testing.T, name string) []decoderCase {
	t.Helper()
	file, err := os.Open(filepath.Join("..", "..", "plugins", "testdata", "decoders", name, "cases.ndjson"))
	require.NoError(t, err)
	defer file.Close()
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 16<<20)
	var cases []decoderCase
	for lines.Scan() {
		var c decoderCase
		require.NoError(t, json.Unmarshal(lines.Bytes(), &c))
		cases = append(cases, c)
	}
	require.NoError(t, lines.Err())
	return cases
}

func (c *decoderCase) options(t *testing.T, name string) sandbox.Options {
	t.Helper()
	source, err := plugins.FS.ReadFile("lua/decoders/" + name + ".lua")
	require.NoError(t, err)
	modules, err := fs.Sub(plugins.FS, "lua/modules")
	require.NoError(t, err)
	return sandbox.Options{
		Kind: sandbox.KindDecoder, Name: name, Source: source, Shipped: modules, Config: c.Config, Hostname: "node",
		Tags: map[string]string{"environment_label": "lab"}, Clock: func() time.Time { return time.Unix(c.Clock, 0) },
	}
}

// decode returns everything a decoder makes of the case's records, and its codes.
func (c *decoderCase) decode(t *testing.T, p *sandbox.Plugin) (out []string) {
	t.Helper()
	emit := func(m *message.Message) error {
		out = append(out, string(message.AppendMessage(nil, m)))
		return nil
	}
	for i, s := range c.Steps {
		if s.Msg == nil {
			continue
		}
		raw := &message.Message{UUID: message.DerivedUUID(7, uint64(i), 0), Type: s.Msg.Type, Logger: s.Msg.Logger, Hostname: s.Msg.Hostname, Payload: s.Msg.Payload}
		res, err := p.Process(raw, emit)
		require.NoError(t, err, c.ID)
		out = append(out, res.Text)
	}
	err := p.Flush(time.Unix(c.Clock, 0), false, emit)
	var refused *sandbox.Refused
	if errors.As(err, &refused) {
		return append(out, refused.Record.Payload)
	}
	require.NoError(t, err)
	return out
}

// TestTemplate decodes the cases of all shipped grammars with sandboxes of one
// template, on several goroutines at once, and with a sandbox of its own.
func TestTemplate(t *testing.T) {
	files, err := fs.Glob(plugins.FS, "lua/decoders/*.lua")
	require.NoError(t, err)
	shared := 0
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".lua")
		for _, c := range decoderCases(t, name) {
			template, err := sandbox.NewTemplate(c.options(t, name))
			if err != nil || !template.Declarative() {
				continue
			}
			shared++
			own, err := sandbox.Open(c.options(t, name))
			require.NoError(t, err)
			want := c.decode(t, own)
			var wg sync.WaitGroup
			for range 4 {
				wg.Go(func() {
					p, err := template.Open()
					if err != nil || !p.Declarative() {
						t.Errorf("%s/%s: open a sandbox: %v", name, c.ID, err)
						return
					}
					if diff := cmp.Diff(want, c.decode(t, p)); diff != "" {
						t.Errorf("%s/%s: a sandbox of the template decodes differently:\n%s", name, c.ID, diff)
					}
					_ = p.Close(nil)
				})
			}
			wg.Wait()
			require.NoError(t, own.Close(nil))
		}
	}
	require.Greater(t, shared, 40, "cases of grammars that call no Lua function")
}

func TestTemplateOfGrammars(t *testing.T) {
	for name, c := range map[string]struct {
		source string
		shared bool
	}{
		"text only":             {`grammar = l.Cg(l.P(1)^0, "a")`, true},
		"numbers":               {`grammar = l.Cg(l.P(1)^0 / tonumber, "a")`, true},
		"upper":                 {`grammar = l.Cg(l.P(1)^0 / string.upper, "a")`, true},
		"a table":               {`grammar = l.Cg(l.P(1)^0 / {x = "y", n = 1, b = true}, "a")`, true},
		"a Lua function":        {`grammar = l.Cg(l.P(1)^0 / function(s) return s .. "!" end, "a")`, false},
		"a decision in Lua":     {`grammar = l.Cg(l.Cmt(l.P(1)^0, function() return true end), "a")`, false},
		"a table of tables":     {`grammar = l.Cg(l.P(1)^0 / {x = {}}, "a")`, false},
		"a table that computes": {`grammar = l.Cg(l.P(1)^0 / setmetatable({}, {__index = function() return "z" end}), "a")`, false},
		"Lua in extract.first":  {`grammar = l.Cg(l.P(1)^0, "a") extract = {first = l.Cg(l.P(1)^0 / function() return "q" end, "b")}`, false},
		"Lua in extract":        {`grammar = l.Cg(l.P(1)^0, "a") extract = {l.Cg(l.P(1)^0 / function() return "q" end, "b")}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			opts := sandbox.Options{Kind: sandbox.KindDecoder, Name: "g", Source: []byte(`local l = require "lpeg" ` + c.source)}
			template, err := sandbox.NewTemplate(opts)
			require.NoError(t, err)
			require.Equal(t, c.shared, template.Declarative())
			own, err := sandbox.Open(opts)
			require.NoError(t, err)
			p, err := template.Open()
			require.NoError(t, err)
			require.True(t, p.Declarative())
			for _, text := range []string{"x", "n", "b", "other", "12"} {
				var want, got collected
				_, wantErr := own.Process(line(text), want.emit)
				_, gotErr := p.Process(line(text), got.emit)
				require.Equal(t, wantErr, gotErr)
				require.Len(t, got.messages, len(want.messages))
				for i := range want.messages {
					require.Equal(t, want.messages[i].Fields, got.messages[i].Fields, text)
				}
			}
		})
	}
}

func TestTemplateFiles(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	script := write("plugin.lua", `local m = require "helper" function process_message() inject_message{Payload = m.word} return 0 end`)
	helper := write("helper.lua", `return {word = "first"}`)
	template, err := sandbox.NewTemplate(sandbox.Options{Kind: sandbox.KindDecoder, Name: "f", Script: script, ModuleDirs: []string{dir}})
	require.NoError(t, err)
	require.Subset(t, template.Files(), []string{script, helper})

	write("helper.lua", `return {word = "second"}`)
	p, err := template.Open()
	require.NoError(t, err)
	var got collected
	_, err = p.Process(line("x"), got.emit)
	require.NoError(t, err)
	require.Equal(t, "first", got.messages[0].Payload, "a template stays what was checked, whatever becomes of the files")
}
