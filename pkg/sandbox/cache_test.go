package sandbox_test

import (
	"io/fs"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/pkg/sandbox"
	"github.com/tocsin-lma/tocsin/plugins"
)

// TestCache opens every shipped decoder on several goroutines with one cache, and
// compares what it decodes with a sandbox that shares nothing.
func TestCache(t *testing.T) {
	files, err := fs.Glob(plugins.FS, "lua/decoders/*.lua")
	require.NoError(t, err)
	cache := sandbox.NewCache()
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".lua")
		c := decoderCases(t, name)[0]
		c.Clock = 1489400000 // the sandboxes of a cache have one clock
		opts := c.options(t, name)
		alone, err := sandbox.Open(opts)
		require.NoError(t, err, name)
		want := c.decode(t, alone)
		opts.Cache = cache
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				p, err := sandbox.Open(opts)
				if err != nil {
					t.Errorf("open %s: %v", name, err)
					return
				}
				if diff := cmp.Diff(want, c.decode(t, p)); diff != "" {
					t.Errorf("%s decodes differently with a cache:\n%s", name, diff)
				}
				_ = p.Close(nil)
			})
		}
		wg.Wait()
		require.NoError(t, alone.Close(nil))
	}
}

// TestCacheIsNoWayOut tries to change, through what is shared, what another sandbox sees.
func TestCacheIsNoWayOut(t *testing.T) {
	cache := sandbox.NewCache()
	open := func(source string) *sandbox.Plugin {
		p, err := sandbox.Open(sandbox.Options{Kind: sandbox.KindDecoder, Name: "c", Source: []byte(source), Cache: cache})
		require.NoError(t, err)
		return p
	}
	const body = `
		local l = require "lpeg"
		local pattern = l.C(l.P"x") / string.upper
		local words = {"a", "b"}
		function process_message()
			inject_message{Payload = pattern:match("x") .. "-" .. words[1] .. "-" .. tostring(hidden)}
			return 0
		end`
	const attack = `
		hidden = "mine"
		local l = require "lpeg"
		local meta = getmetatable(l.P"x")
		meta.match, l.match = nil, nil
		string.upper = function() return "stolen" end
		getmetatable("").__index = nil
		local function change(f) pcall(setfenv, f, {tostring = function() return "changed" end}) end
		setmetatable(_G, {__index = function() return "everything" end})
		change(1) change(2)
		local wicked = setmetatable({}, {__concat = function() for level = 0, 4 do pcall(setfenv, level, {}) end return "" end})
		pcall(function() return wicked .. "a" .. wicked end)
		function process_message() return 0 end`
	first := open(body)
	open(attack)
	second := open(body)
	for _, p := range []*sandbox.Plugin{first, second} {
		var got collected
		_, err := p.Process(line("z"), got.emit)
		require.NoError(t, err)
		require.Equal(t, "X-a-nil", got.messages[0].Payload)
	}
}
