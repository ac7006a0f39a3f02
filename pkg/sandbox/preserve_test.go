package sandbox_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/pkg/sandbox"
)

func TestPreservation(t *testing.T) {
	file := filepath.Join(t.TempDir(), "deep", "p.data")
	const script = `
		require "circular_buffer" require "bloom_filter" require "hyperloglog" require "cuckoo_filter"
		count = 0
		local hidden = 1
		function process_message()
			count = count + 1
			if count == 1 then
				inf, ninf, nan, text, flag = 1/0, -1/0, 0/0, "a\0\"\\\n\r\255", true
				shared = {1, 2, x = {y = "deep"}} again = shared cycle = {} cycle.self = cycle
				cb = circular_buffer.new(3, 1, 60, true) cb:set_header(1, "n", "s", "max") cb:set(60e9, 1, 0.1)
				bf = bloom_filter.new(10, 0.01) bf:add("k") hll = hyperloglog.new() hll:add("k") cf = cuckoo_filter.new(10) cf:add("k")
				return 0
			end
			assert(inf == 1/0 and ninf == -1/0 and nan ~= nan and text == "a\0\"\\\n\r\255" and flag == true)
			assert(shared == again and shared.x.y == "deep" and cycle.self == cycle)
			assert(cb:get(60e9, 1) == 0.1 and cb:get_header(1) == "n" and bf:query("k") and hll:count() == 1 and cf:query("k"))
			return -count
		end`
	start := func(source string) *sandbox.Plugin {
		return open(t, source, func(o *sandbox.Options) { o.Kind = sandbox.KindFilter; o.PreserveFile = file })
	}
	p := start(script)
	_, err := p.Process(sample(), nil)
	require.NoError(t, err)
	require.NoError(t, p.Close(nil))

	p = start(script)
	res, err := p.Process(sample(), nil)
	require.NoError(t, err)
	require.Equal(t, -2, res.Code)
	require.NoError(t, p.Close(nil))

	p = start("_PRESERVATION_VERSION = 1 " + script)
	res, err = p.Process(sample(), nil)
	require.NoError(t, err)
	require.Zero(t, res.Code, "another version starts afresh")
	require.NoError(t, p.Close(nil))
	require.FileExists(t, file)

	p = start(`t = {[function() end] = 1} function process_message() return 0 end`)
	require.ErrorContains(t, p.Close(nil), "function as a key")
	require.NoFileExists(t, file)
}

func TestPreservationManyTables(t *testing.T) {
	file := filepath.Join(t.TempDir(), "p.data")
	source := `function process_message() big = big or {} for i = 1, 5000 do big[i] = { n = i, s = "k" .. i } end long = string.rep("ab\\0\\n", 100000) bf = require("bloom_filter").new(400000, 0.01) bf:add("k") return 0 end
		function timer_event() assert(#big == 5000 and big[5000].s == "k5000" and long == string.rep("ab\\0\\n", 100000) and bf:query("k") and not bf:query("x")) end`
	change := func(o *sandbox.Options) {
		o.Kind = sandbox.KindFilter
		o.PreserveFile = file
		o.PreserveEvery = time.Second
	}
	p := open(t, source, change)
	_, err := p.Process(sample(), nil)
	require.NoError(t, err)
	require.NoError(t, p.Timer(time.Unix(1489400002, 0), nil), "writes the file when it is due")
	p = open(t, source, change)
	require.NoError(t, p.Timer(time.Unix(1489400000, 0), nil))
}

// What a filter counts as late in the global late_messages is in its statistics.
func TestLateCount(t *testing.T) {
	p := open(t, `late_messages = 0
		function process_message() late_messages = late_messages + 1 return 0 end
		function timer_event() end`, func(o *sandbox.Options) { o.Kind = sandbox.KindFilter })
	for range 3 {
		_, err := p.Process(sample(), nil)
		require.NoError(t, err)
	}
	require.Zero(t, p.Stats().Late, "read at the timer event")
	require.NoError(t, p.Timer(time.Unix(1489400000, 0), nil))
	require.EqualValues(t, 3, p.Stats().Late)
	require.NoError(t, p.Close(nil))
}
