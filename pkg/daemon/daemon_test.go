package daemon_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/internal/testserver"
	"github.com/tocsin-lma/tocsin/pkg/config"
	"github.com/tocsin-lma/tocsin/pkg/daemon"
)

func source(text string) []config.Source {
	return []config.Source{{Name: "site.yml", Data: []byte(text)}}
}

func TestShippedModelsAreValid(t *testing.T) {
	for _, role := range daemon.Roles() {
		t.Run(string(role), func(t *testing.T) {
			notices, err := daemon.Check(daemon.Options{Role: role})
			require.NoError(t, err)
			require.Empty(t, notices)
		})
	}
}

func TestModelErrorsNameThePlaceAndTheWayOut(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"log_colector: {}", `site.yml:1: log_colector: unknown section "log_colector"; did you mean "log_collector"?`},
		{"log_collector: {inputs: {}}", `site.yml:1: log_collector.inputs: unknown key "inputs"`},
		{"log_collector: {input: {a: {engine: logstrem}}}", `log_collector.input.a.engine: no input has the engine "logstrem"; did you mean "logstream"?`},
		{"log_collector: {input: {a: {engine: logstreamer, file_mach: x}}}", `log_collector.input.a.file_mach: unknown key "file_mach"; did you mean "file_match"?`},
		{"log_collector: {input: {a: {engine: udp, port: 1, decoder: nginxx}}}", `there is no decoder "nginxx"`},
		{"log_collector: {input: {a: {engine: udp, port: 1, splitter: None}}}", `there is no splitter "None"`},
		{"log_collector: {output: {a: {engine: tcp, host: h, port: 1}}}", `log_collector.output.a: message_matcher is missing`},
		{"log_collector: {output: {a: {engine: tcp, host: h, port: 1, message_matcher: 'Type = 1'}}}", `log_collector.output.a.message_matcher: message matcher "Type = 1": column 6`},
		{"log_collector: {output: {a: {engine: tcp, host: h, port: 1, message_matcher: 'TRUE', full_action: burn}}}", "burn"},
		{"log_collector: {filter: {a: {engine: sandbox, message_matcher: 'TRUE', ticker: 1, module_file: watchdog.lua, config: {service_name: x}}}}", `unknown key "ticker"; did you mean "ticker_interval"?`},
		{"log_collector: {filter: {a: {module_file: nothing.lua, message_matcher: 'TRUE'}}}", `plugin nothing.lua is neither a file nor a shipped filter`},
		{"global: {alarms: [linus]}", `global.alarms: there are no shipped alarms called "linus"; did you mean "linux"?`},
		{"global: {hostnam: x}", `global.hostnam: unknown key "hostnam"; did you mean "hostname"?`},
	} {
		t.Run(c.text, func(t *testing.T) {
			_, err := daemon.Check(daemon.Options{Role: daemon.LogCollector, Sources: source(c.text)})
			require.ErrorIs(t, err, daemon.ErrConfig)
			require.ErrorContains(t, err, c.want)
		})
	}
}

// TestInputsThatWouldShareAJournalAreRefused: each would write the positions of its
// files over those of the other's.
func TestInputsThatWouldShareAJournalAreRefused(t *testing.T) {
	const nova = `file_match: 'nova/(?P<Service>.+)\.log'`
	for _, c := range []struct{ name, a, b, streams string }{
		{"one name, other files", `file_match: 'a\.log', differentiator: [shop]`, `file_match: 'b\.log', differentiator: [sh, op]`, "shop"},
		{"the name of the other input", `file_match: 'a\.log'`, `log_directory: /srv, file_match: 'b\.log', differentiator: [first]`, "first"},
		{"the same files", nova + ", differentiator: [nova, _, Service]", nova + ", differentiator: [nova, _, Service], initial_tail: true", "nova + _ + Service"},
		{"paths", `paths: [/srv/a/x.log, /srv/b/y.log]`, `file_match: 'z\.log', differentiator: [first.y]`, "first.y"},
		{"one journal folder under two names", `file_match: 'a\.log', differentiator: [s], journal_directory: /srv/j`, `file_match: 'b\.log', differentiator: [s], journal_directory: /srv/x/../j`, "s"},
		{"other groups", nova + ", differentiator: [nova, _, Service]", `file_match: 'cinder/(?P<Service>.+)\.log', differentiator: [nova, _, Service]`, ""},
		{"the same files under other names", nova + ", differentiator: [nova, _, Service]", nova + ", differentiator: [Service]", ""},
		{"other journals", `file_match: 'a\.log', differentiator: [s], journal_directory: /srv/j`, `file_match: 'a\.log', differentiator: [s]`, ""},
		{"globs", `paths: [/srv/a/*.log]`, `paths: [/srv/a/*.log]`, ""},
		{"one that is off", `file_match: 'a\.log', differentiator: [s], enabled: false`, `file_match: 'a\.log', differentiator: [s]`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := fmt.Sprintf("log_collector:\n  input:\n    first: {engine: logstreamer, %s}\n    second: {engine: logstream, %s}\n", c.a, c.b)
			_, err := daemon.Check(daemon.Options{Role: daemon.LogCollector, Sources: source(text)})
			if c.streams == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, daemon.ErrConfig)
			require.ErrorContains(t, err, fmt.Sprintf("site.yml:4: log_collector.input.second.differentiator: the inputs first (site.yml:3) and second both make streams called %q", c.streams))
			require.ErrorContains(t, err, "another differentiator, or a journal_directory of its own")
		})
	}
}

func TestEveryErrorOfAModelIsTold(t *testing.T) {
	_, err := daemon.Check(daemon.Options{Role: daemon.LogCollector, Sources: source("log_collector:\n  input: {a: {engine: x}}\n  output: {b: {engine: y}}\n  filter: {c: {engine: z}}")})
	for _, want := range []string{`"x"`, `"y"`, `"z"`} {
		require.ErrorContains(t, err, want)
	}
}

// The model is in the form that the formulas of the original render.
func TestARenderedModelLoadsUnchanged(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("testdata", "rendered.yml"))
	require.NoError(t, err)
	for _, role := range daemon.Roles() {
		t.Run(string(role), func(t *testing.T) {
			notices, err := daemon.Check(daemon.Options{Role: role, Sources: []config.Source{{Name: "rendered.yml", Data: data}}, NoDefaults: true})
			require.NoError(t, err)
			require.NotEmpty(t, notices, "what is done in another way is told")
			for _, n := range notices {
				require.Contains(t, n.String(), "rendered.yml:", "with its place")
			}
		})
	}
}

// running is a daemon of a test.
type running struct {
	t     *testing.T
	admin string
	stop  context.CancelFunc
	done  chan error
}

func start(t *testing.T, opt daemon.Options) *running {
	t.Helper()
	r := &running{t: t, admin: fmt.Sprintf("127.0.0.1:%d", testserver.Port(t)), done: make(chan error, 1)}
	opt.Admin, opt.NoDefaults, opt.Logger = r.admin, true, slog.New(slog.NewTextHandler(t.Output(), nil))
	ready := make(chan struct{})
	opt.Ready = func(*daemon.Daemon) { close(ready) }
	ctx, stop := context.WithCancel(t.Context())
	r.stop = stop
	go func() { r.done <- daemon.Run(ctx, opt) }()
	select {
	case <-ready:
	case err := <-r.done:
		t.Fatalf("the daemon ended: %v", err)
	case <-time.After(30 * time.Second):
		t.Fatal("the daemon does not get ready")
	}
	return r
}

func (r *running) end() {
	r.t.Helper()
	r.stop()
	require.NoError(r.t, <-r.done)
}

func (r *running) get(path string) (int, string) {
	r.t.Helper()
	answer, err := http.Get("http://" + r.admin + path)
	require.NoError(r.t, err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	require.NoError(r.t, err)
	return answer.StatusCode, string(body)
}

func (r *running) reload() (int, string) {
	r.t.Helper()
	answer, err := http.Post("http://"+r.admin+"/api/v1/reload", "", nil)
	require.NoError(r.t, err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	require.NoError(r.t, err)
	return answer.StatusCode, string(body)
}

// hash is that of the model whose pipeline runs.
func (r *running) hash() string {
	r.t.Helper()
	code, body := r.get("/api/v1/daemon")
	require.Equal(r.t, http.StatusOK, code)
	var info struct {
		Hash string `json:"config_hash"`
	}
	require.NoError(r.t, json.Unmarshal([]byte(body), &info))
	return info.Hash
}

const tailModel = `
global: {drain_timeout: 5s}
log_collector:
  input:
    app: {engine: logstreamer, log_directory: DIR/log, file_match: 'app\.log', decoder: json_lines, check_data_interval: 20ms}
  output:
    out: {engine: file, path: DIR/out, encoder: payload, message_matcher: "Type == 'log'", flush_interval: 10}
`

func tailDaemon(t *testing.T) (opt daemon.Options, dir string, write func(string)) {
	t.Helper()
	dir = t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "log"), 0o750))
	model := filepath.Join(dir, "model.yml")
	require.NoError(t, os.WriteFile(model, []byte(strings.ReplaceAll(tailModel, "DIR", dir)), 0o600))
	write = func(line string) {
		t.Helper()
		f, err := os.OpenFile(filepath.Join(dir, "log", "app.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		require.NoError(t, err)
		_, err = f.WriteString(line + "\n")
		require.NoError(t, errors.Join(err, f.Close()))
	}
	return daemon.Options{Role: daemon.LogCollector, ConfigPaths: []string{model}, DataDir: filepath.Join(dir, "data")}, dir, write
}

func eventuallyHolds(t *testing.T, path string, want ...string) {
	t.Helper()
	require.Eventually(t, func() bool {
		data, _ := os.ReadFile(path)
		for _, w := range want {
			if strings.Count(string(data), w) != 1 {
				return false
			}
		}
		return true
	}, time.Minute, 20*time.Millisecond, "%s does not hold %v", path, want)
}

func TestALogLineTravelsAndTheDaemonTellsAboutIt(t *testing.T) {
	opt, dir, write := tailDaemon(t)
	write(`{"message":"first line","level":"info"}`)
	r := start(t, opt)
	eventuallyHolds(t, filepath.Join(dir, "out"), "first line")

	code, body := r.get("/api/v1/ledger")
	require.Equal(t, 200, code)
	require.Contains(t, body, `"balanced":true`)
	code, body = r.get("/api/v1/daemon")
	require.Equal(t, 200, code)
	var info struct{ Inputs, Outputs []string }
	require.NoError(t, json.Unmarshal([]byte(body), &info))
	require.Contains(t, info.Inputs, "app")
	code, body = r.get("/metrics")
	require.Equal(t, 200, code)
	require.Contains(t, body, `tocsin_input_records_total{name="app"} 1`)
	for path, want := range map[string]int{"/healthz": 200, "/readyz": 200, "/": 200, "/nothing": 404, "/api/v1/config": 200, "/api/v1/tap?matcher=bad": 400} {
		code, _ = r.get(path)
		require.Equal(t, want, code, path)
	}
	r.end()

	// After a restart nothing is read again, and what came meanwhile is read.
	write(`{"message":"second line"}`)
	r = start(t, opt)
	eventuallyHolds(t, filepath.Join(dir, "out"), "first line", "second line")
	r.end()
}

func TestReloadTakesAValidModelAndRefusesAnother(t *testing.T) {
	opt, dir, write := tailDaemon(t)
	write(`{"message":"one"}`)
	r := start(t, opt)
	eventuallyHolds(t, filepath.Join(dir, "out"), "one")
	model := opt.ConfigPaths[0]
	good, err := os.ReadFile(model)
	require.NoError(t, err)

	require.NoError(t, os.WriteFile(model, append(good, "  fliter: {}\n"...), 0o600))
	code, body := r.reload()
	require.Equal(t, http.StatusUnprocessableEntity, code)
	require.Contains(t, body, `unknown key \"fliter\"; did you mean \"filter\"?`)
	write(`{"message":"two"}`)
	eventuallyHolds(t, filepath.Join(dir, "out"), "one", "two")

	changed := strings.ReplaceAll(string(good), dir+"/out", dir+"/elsewhere")
	require.NoError(t, os.WriteFile(model, []byte(changed), 0o600))
	before := r.hash()
	code, body = r.reload()
	require.Equal(t, 200, code, body)
	// The answer says that the model will be taken over; until it is, the running
	// pipeline goes on reading, and delivers by the old model.
	require.Eventually(t, func() bool { return r.hash() != before }, time.Minute, time.Millisecond)
	write(`{"message":"three"}`)
	eventuallyHolds(t, filepath.Join(dir, "elsewhere"), "three")
	eventuallyHolds(t, filepath.Join(dir, "out"), "one", "two")
	r.end()
}

// TestAReloadIsAnsweredBeforeTheNewModelHasTakenOver: what tells that it has, and
// that the daemon is not ready until then.
func TestAReloadIsAnsweredBeforeTheNewModelHasTakenOver(t *testing.T) {
	goOn, sending := make(chan struct{}), make(chan struct{}, 1)
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		select {
		case sending <- struct{}{}:
		default:
		}
		<-goOn
	}))
	defer srv.Close()
	opt, dir, write := tailDaemon(t)
	model := opt.ConfigPaths[0]
	data, err := os.ReadFile(model)
	require.NoError(t, err)
	text := string(data) + fmt.Sprintf("    slow: {engine: http, address: '%s', proxy: none, message_matcher: \"Type == 'log'\", encoder: payload}\n", srv.URL)
	require.NoError(t, os.WriteFile(model, []byte(text), 0o600))
	write(`{"message":"one"}`)
	r := start(t, opt)
	<-sending
	ready, body := r.get("/readyz")
	require.Equal(t, http.StatusOK, ready, body)
	since := func() (at time.Time) {
		var info struct {
			Since time.Time `json:"config_since"`
		}
		_, body := r.get("/api/v1/daemon")
		require.NoError(t, json.Unmarshal([]byte(body), &info))
		return info.Since
	}
	before, began := r.hash(), since()

	require.NoError(t, os.WriteFile(model, []byte(strings.ReplaceAll(text, dir+"/out", dir+"/elsewhere")), 0o600))
	code, body := r.reload()
	require.Equal(t, http.StatusOK, code, body)
	var answer struct {
		Hash string `json:"config_hash"`
	}
	require.NoError(t, json.Unmarshal([]byte(body), &answer))
	require.NotEqual(t, before, answer.Hash)
	require.Eventually(t, func() bool { ready, body = r.get("/readyz"); return ready == http.StatusServiceUnavailable }, time.Minute, time.Millisecond)
	require.Contains(t, body, "takes over next")
	require.Equal(t, before, r.hash())
	_, body = r.get("/metrics")
	require.NotContains(t, body, "tocsin_config_last_reload_timestamp_seconds")

	close(goOn)
	require.Eventually(t, func() bool { return r.hash() == answer.Hash }, time.Minute, time.Millisecond)
	require.Eventually(t, func() bool { ready, _ = r.get("/readyz"); return ready == http.StatusOK }, time.Minute, time.Millisecond)
	require.True(t, since().After(began))
	_, body = r.get("/metrics")
	require.Contains(t, body, `tocsin_config_reloads_total{name="model"} 1`)
	require.Contains(t, body, "tocsin_config_last_reload_timestamp_seconds")
	r.end()
}

func TestADataFolderInUseIsRefused(t *testing.T) {
	opt, _, _ := tailDaemon(t)
	r := start(t, opt)
	opt.Admin, opt.NoDefaults = "none", true
	err := daemon.Run(t.Context(), opt)
	require.ErrorIs(t, err, daemon.ErrConfig)
	require.ErrorContains(t, err, "is in use by another process")
	require.ErrorContains(t, err, "--data-dir")
	r.end()
}

func TestAListenerThatCannotBindNamesTheSetting(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	port := l.Addr().(*net.TCPAddr).Port
	opt := daemon.Options{
		Role: daemon.Aggregator, DataDir: t.TempDir(), Admin: "none", NoDefaults: true,
		Sources: source(fmt.Sprintf("aggregator: {input: {verdicts: {engine: tcp, address: 127.0.0.1, port: %d}}}", port)),
	}
	err = daemon.Run(t.Context(), opt)
	require.ErrorIs(t, err, daemon.ErrConfig)
	require.ErrorContains(t, err, "verdicts")
	require.ErrorContains(t, err, "port")

	opt.Sources, opt.Admin = source("aggregator: {}"), l.Addr().String()
	err = daemon.Run(t.Context(), opt)
	require.ErrorIs(t, err, daemon.ErrConfig)
	require.ErrorContains(t, err, "--admin")
}

func TestNotifyingOutputsHaveAnEncoderOfTheirOwn(t *testing.T) {
	_, err := daemon.Check(daemon.Options{Role: daemon.Aggregator, Sources: source(`
aggregator:
  output:
    a: {engine: alertmanager, address: 'http://127.0.0.1:9093', message_matcher: "Type == 'gse_metric'"}
    w: {engine: webhook, address: 'http://127.0.0.1:9', message_matcher: "Type == 'gse_metric'"}
    i: {engine: icinga2, address: 'https://127.0.0.1:5665', message_matcher: "Type == 'gse_metric'"}
    m: {engine: smtp, host: 127.0.0.1, send_from: a@example.org, send_to: [b@example.org], message_matcher: "Type == 'gse_metric'"}
    p: {engine: prometheus, message_matcher: "Type =~ /metric$/"}
    r: {engine: remote_write, address: 'http://127.0.0.1:9/api/v1/write', message_matcher: "Type =~ /metric$/"}
    o: {engine: otlp, message_matcher: "Type == 'log'"}
    n: {engine: nagios, address: 'http://127.0.0.1:9/status', message_matcher: "Type == 'gse_metric'"}
    q: {engine: amqp, url: 'amqp://127.0.0.1/', message_matcher: "Type == 'gse_metric'"}
`)})
	require.NoError(t, err)
}

// TestADaemonThatIsToldToStopHasNotEndedByItself: however long it was busy while
// its pipeline was drained. Here it reads a model that comes slowly.
func TestADaemonThatIsToldToStopHasNotEndedByItself(t *testing.T) {
	for range 8 {
		opt, _, _ := tailDaemon(t)
		r := start(t, opt)
		model := opt.ConfigPaths[0]
		require.NoError(t, os.Remove(model))
		require.NoError(t, syscall.Mkfifo(model, 0o600))
		go func() {
			if answer, err := http.Post("http://"+r.admin+"/api/v1/reload", "", nil); err == nil {
				_ = answer.Body.Close()
			}
		}()
		slow, err := os.OpenFile(model, os.O_WRONLY, 0) // the daemon has begun to read
		require.NoError(t, err)
		r.stop()
		time.Sleep(100 * time.Millisecond)
		_, err = slow.WriteString("no model")
		require.NoError(t, errors.Join(err, slow.Close()))
		require.NoError(t, <-r.done)
	}
}
