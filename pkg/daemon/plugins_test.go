package daemon_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/pkg/daemon"
)

const pluginModel = `
global: {drain_timeout: 5s, WATCH plugin_trial: 30}
log_collector:
  decoder:
    own: {engine: sandbox, module_file: DIR/own.lua, module_dir: DIR/modules}
  filter:
    counter: {engine: sandbox, module_file: DIR/counter.lua, message_matcher: "Type == 'log'", ticker_interval: 1s}
  encoder:
    frame: {engine: sandbox, module_file: DIR/frame.lua}
  input:
    app: {engine: logstreamer, log_directory: DIR/log, file_match: '(?P<N>\d)\.log', differentiator: [app, N], decoder: own, check_data_interval: 20ms}
  output:
    out: {engine: file, path: DIR/out, encoder: frame, message_matcher: "Type == 'log'", flush_interval: 10}
    count: {engine: file, path: DIR/count, encoder: payload, message_matcher: "Fields[payload_name] == 'count'", flush_interval: 10}
`

const (
	decoderLua = `local mark = require "mark"
		function process_message()
			inject_message{Type = "log", Payload = mark.word .. " " .. string.match(read_message("Payload"), "%C+")}
			return 0
		end`
	counterLua = `local n = 0
		function process_message() n = n + 1 return 0 end
		function timer_event() inject_payload("txt", "count", n .. "\n") end`
	frameLua = `function process_message() inject_payload("txt", "x", "<" .. read_message("Payload") .. ">") return 0 end`
)

// pluginDaemon is a daemon whose decoder, filter and encoder are files, under load.
type pluginDaemon struct {
	*running
	dir     string
	written atomic.Int64 // lines
	stop    chan struct{}
	ended   chan struct{}
}

const pluginStreams = 3

func startPluginDaemon(t *testing.T, watch string) *pluginDaemon {
	t.Helper()
	d := &pluginDaemon{dir: t.TempDir(), stop: make(chan struct{}), ended: make(chan struct{})}
	for _, sub := range []string{"log", "modules"} {
		require.NoError(t, os.MkdirAll(filepath.Join(d.dir, sub), 0o750))
	}
	d.file(t, "own.lua", decoderLua)
	d.file(t, "modules/mark.lua", `return {word = "one"}`)
	d.file(t, "counter.lua", counterLua)
	d.file(t, "frame.lua", frameLua)
	text := strings.NewReplacer("DIR", d.dir, "WATCH", watch).Replace(pluginModel)
	d.file(t, "model.yml", text)
	d.running = start(t, daemon.Options{Role: daemon.LogCollector, ConfigPaths: []string{filepath.Join(d.dir, "model.yml")}, DataDir: filepath.Join(d.dir, "data")})
	go d.load()
	return d
}

func (d *pluginDaemon) file(t *testing.T, name, text string) {
	t.Helper()
	// Renamed into place, as editors do.
	path := filepath.Join(d.dir, name)
	require.NoError(t, os.WriteFile(path+".new", []byte(text), 0o600))
	require.NoError(t, os.Rename(path+".new", path))
}

// load writes lines until it is told to stop.
func (d *pluginDaemon) load() {
	defer close(d.ended)
	for ; ; d.written.Add(1) {
		select {
		case <-d.stop:
			return
		case <-time.After(2 * time.Millisecond):
		}
		f, err := os.OpenFile(filepath.Join(d.dir, "log", fmt.Sprintf("%d.log", d.written.Load()%pluginStreams)), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			continue // the line is missing in the end
		}
		fmt.Fprintf(f, "line-%d.\n", d.written.Load())
		_ = f.Close()
	}
}

type pluginState struct {
	Kind, Name, State string
	LastError         string `json:"last_error"`
	Reloads           int
}

func (d *pluginDaemon) plugin(kind string) pluginState {
	d.t.Helper()
	code, body := d.get("/api/v1/plugins")
	require.Equal(d.t, 200, code)
	var list []pluginState
	require.NoError(d.t, json.Unmarshal([]byte(body), &list))
	for _, p := range list {
		if p.Kind == kind {
			return p
		}
	}
	d.t.Fatalf("no %s in %s", kind, body)
	return pluginState{}
}

func (d *pluginDaemon) eventually(kind string, holds func(p pluginState) bool) pluginState {
	d.t.Helper()
	var p pluginState
	require.Eventually(d.t, func() bool { p = d.plugin(kind); return holds(p) }, time.Minute, 20*time.Millisecond, "the %s", kind)
	return p
}

// newest waits for a line that is written from here on and returns what it has
// become. Older ones may still be on their way.
func (d *pluginDaemon) newest() (line string) {
	d.t.Helper()
	written := d.written.Load() // the line of that number may be in its file already
	require.Eventually(d.t, func() bool {
		data, _ := os.ReadFile(filepath.Join(d.dir, "out"))
		for text := range strings.Lines(string(data)) {
			_, number, _ := strings.Cut(text, "line-")
			number, _, whole := strings.Cut(number, ".")
			if n, err := strconv.ParseInt(number, 10, 64); err == nil && whole && n > written {
				line = text
				return true
			}
		}
		return false
	}, time.Minute, 10*time.Millisecond)
	return line
}

// check ends the load and finds every line exactly once, and the filter's count whole.
func (d *pluginDaemon) check() {
	d.t.Helper()
	close(d.stop)
	<-d.ended
	written := int(d.written.Load())
	var text string
	require.Eventually(d.t, func() bool {
		data, _ := os.ReadFile(filepath.Join(d.dir, "out"))
		text = string(data)
		count, _ := os.ReadFile(filepath.Join(d.dir, "count"))
		return strings.Count(text, "line-") >= written && strings.HasSuffix(string(count), fmt.Sprintf("\n%d\n", written))
	}, time.Minute, 20*time.Millisecond, "%d lines arrive, and the filter counts them without having lost its state", written)
	for i := range written {
		require.Equal(d.t, 1, strings.Count(text, fmt.Sprintf("line-%d.", i)), "line %d", i)
	}
	d.end()
}

func TestAChangedPluginTakesOverUnderLoad(t *testing.T) {
	d := startPluginDaemon(t, "watch_plugins: 30ms,")
	require.Contains(t, d.newest(), "<one line-")

	d.file(t, "modules/mark.lua", `return {word = "two"}`)
	d.eventually("decoder", func(p pluginState) bool { return p.Reloads == 1 })
	require.Contains(t, d.newest(), "<two line-", "a module counts as the plugin")

	d.file(t, "frame.lua", strings.ReplaceAll(frameLua, `"<"`, `"{"`))
	d.eventually("encoder", func(p pluginState) bool { return p.Reloads == 1 })
	require.Contains(t, d.newest(), "{two line-")

	d.file(t, "own.lua", decoderLua+"\nfunction process_message( return 0 end")
	p := d.eventually("decoder", func(p pluginState) bool { return p.State == "refused" })
	require.Contains(t, p.LastError, filepath.Join(d.dir, "own.lua"))
	require.Contains(t, p.LastError, "own.lua:6:", "the file and the line")
	require.Contains(t, d.newest(), "{two line-", "the old version keeps running")
	_, page := d.get("/")
	require.Regexp(t, `decoder +own +refused .*own\.lua:6:`, page)

	d.file(t, "own.lua", strings.Replace(decoderLua, "inject_message", `if string.find(read_message("Payload"), "5%.") then error("five") end inject_message`, 1))
	p = d.eventually("decoder", func(p pluginState) bool { return strings.Contains(p.LastError, "five") })
	require.Equal(t, "refused", p.State)
	require.Contains(t, p.LastError, "own.lua:3:")
	require.Contains(t, d.newest(), "{two line-")

	d.file(t, "own.lua", strings.Replace(decoderLua, "mark.word", `"three"`, 1))
	p = d.eventually("decoder", func(p pluginState) bool { return p.Reloads == 2 })
	require.Equal(t, "running", p.State)
	require.Empty(t, p.LastError)
	require.Contains(t, d.newest(), "{three line-")

	code, body := d.get("/metrics")
	require.Equal(t, 200, code)
	require.Contains(t, body, `tocsin_plugin_reloads_total{kind="decoder",name="own"} 2`)
	require.Contains(t, body, `tocsin_plugin_reload_failures_total{kind="decoder",name="own"} 2`)
	require.Contains(t, body, `tocsin_plugin_reloads_total{kind="filter",name="counter"} 0`)
	d.check()
}

func TestAChangedFilterGoesOn(t *testing.T) {
	d := startPluginDaemon(t, "watch_plugins: 30ms,")
	d.newest()
	// The new filter counts in its trial; what came before it is not known to it.
	d.file(t, "counter.lua", strings.Replace(counterLua, "n = n + 1", "n = n + 1000000", 1))
	d.eventually("filter", func(p pluginState) bool { return p.Reloads == 1 })
	require.Eventually(t, func() bool {
		count, _ := os.ReadFile(filepath.Join(d.dir, "count"))
		return strings.Contains(string(count), "000000\n")
	}, time.Minute, 20*time.Millisecond)
	close(d.stop)
	<-d.ended
	d.end()
}

func TestSIGHUPLoadsPluginsOnlyWhenTheModelIsTheSame(t *testing.T) {
	d := startPluginDaemon(t, "")
	require.Contains(t, d.newest(), "<one line-")
	d.file(t, "modules/mark.lua", `return {word = "two"}`)
	require.Zero(t, d.plugin("decoder").Reloads)
	require.NoError(t, syscall.Kill(os.Getpid(), syscall.SIGHUP))
	d.eventually("decoder", func(p pluginState) bool { return p.Reloads == 1 })
	require.Contains(t, d.newest(), "<two line-")
	_, body := d.get("/metrics")
	require.NotContains(t, body, "tocsin_config_reloads_total", "the model was not loaded anew")

	// By request, too.
	d.file(t, "modules/mark.lua", `return {word = "three"}`)
	answer, err := http.Post("http://"+d.admin+"/api/v1/plugins/reload", "", nil)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	require.Equal(t, 200, answer.StatusCode)
	d.eventually("decoder", func(p pluginState) bool { return p.Reloads == 2 })

	// After a change of the model the filter still goes on, and so do the plugins' files.
	model := filepath.Join(d.dir, "model.yml")
	text, err := os.ReadFile(model)
	require.NoError(t, err)
	d.file(t, "model.yml", strings.Replace(string(text), "drain_timeout: 5s", "drain_timeout: 6s", 1))
	require.NoError(t, syscall.Kill(os.Getpid(), syscall.SIGHUP))
	require.Eventually(t, func() bool {
		_, body := d.get("/metrics")
		return strings.Contains(body, `tocsin_config_reloads_total{name="model"} 1`)
	}, time.Minute, 20*time.Millisecond)
	require.Contains(t, d.newest(), "<three line-")
	d.check()
}
