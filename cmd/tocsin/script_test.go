package main

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/tocsin-lma/tocsin/internal/testserver"
	"github.com/tocsin-lma/tocsin/pkg/daemon"
	"github.com/tocsin-lma/tocsin/pkg/silence"
)

// patience bounds the wait for what a daemon does by itself.
const patience = 2 * time.Minute

// TestScripts runs testdata/script. Beside the usual ones there are commands to
// run this tool and things for it to talk to:
//
//	[!] tocsin [<FILE] ARGUMENTS   run it; with ! it must fail
//	code N                         the exit code of the last run
//	eventually REGEXP ARGUMENTS    run it until its output matches
//	remember NAME REGEXP FILE      set $NAME to the first group of a match in FILE
//	aggregator MODEL               run an aggregator of that model: $addr, $stream
//	collector MODEL                run a metric collector: $addr, $stream
//	answers FOLDER                 serve FOLDER as an API, /x/y from x/y.json: $addr
//	silences                       serve silences: $addr
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		RequireUniqueNames:  true,
		RequireExplicitExec: true,
		UpdateScripts:       os.Getenv("UPDATE_SCRIPTS") != "", // writes what cmp compares with
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"tocsin": scriptTocsin, "code": scriptCode, "eventually": scriptEventually,
			"remember": scriptRemember, "aggregator": scriptDaemon(daemon.Aggregator), "collector": scriptDaemon(daemon.MetricCollector), "answers": scriptAnswers, "silences": scriptSilences,
		},
	})
}

func scriptTocsin(ts *testscript.TestScript, neg bool, args []string) {
	code := scriptRun(ts, ts.Stdout(), ts.Stderr(), args)
	if (code != exitOK) != neg {
		ts.Fatalf("tocsin %s: exit code %d", strings.Join(args, " "), code)
	}
}

func scriptRun(ts *testscript.TestScript, out, errs io.Writer, args []string) int {
	var in io.Reader = strings.NewReader("")
	if file, ok := strings.CutPrefix(args[0], "<"); ok {
		in, args = strings.NewReader(ts.ReadFile(file)), args[1:]
	}
	for i, a := range args {
		if _, err := os.Stat(ts.MkAbs(a)); err == nil {
			args[i] = ts.MkAbs(a) // the process has another working directory
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	code := run(ctx, streams{in, out, errs}, args)
	ts.Setenv("code", strconv.Itoa(code))
	return code
}

func scriptCode(ts *testscript.TestScript, _ bool, args []string) {
	if got := ts.Getenv("code"); got != args[0] {
		ts.Fatalf("the exit code is %s, want %s", got, args[0])
	}
}

func scriptEventually(ts *testscript.TestScript, _ bool, args []string) {
	want := regexp.MustCompile(args[0])
	for end := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		var out, errs bytes.Buffer
		scriptRun(ts, &out, &errs, args[1:])
		if want.Match(out.Bytes()) {
			_, _ = ts.Stdout().Write(out.Bytes())
			return
		}
		if time.Now().After(end) {
			ts.Fatalf("tocsin %s never printed %q, at last:\n%s%s", strings.Join(args[1:], " "), args[0], &out, &errs)
		}
	}
}

func scriptRemember(ts *testscript.TestScript, _ bool, args []string) {
	found := regexp.MustCompile("(?m)" + args[1]).FindStringSubmatch(ts.ReadFile(args[2]))
	if found == nil {
		ts.Fatalf("%s has no %s", args[2], args[1])
	}
	ts.Setenv(args[0], found[1])
}

// scriptDaemon starts a daemon and stops it with the script. In the model STREAM
// stands for a free port and WORK for the script's folder.
func scriptDaemon(role daemon.Role) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, _ bool, args []string) { startDaemon(ts, role, args[0]) }
}

func startDaemon(ts *testscript.TestScript, role daemon.Role, file string) {
	free, err := testserver.FreePort()
	ts.Check(err)
	port := strconv.Itoa(free)
	stream := net.JoinHostPort("127.0.0.1", port)
	path := filepath.Join(ts.Getenv("WORK"), "running.yml")
	model := strings.NewReplacer("STREAM", port, "WORK", ts.Getenv("WORK")).Replace(ts.ReadFile(file))
	ts.Check(os.WriteFile(path, []byte(model), 0o600))

	var log bytes.Buffer // written before Ready is called
	ctx, cancel := context.WithCancel(context.Background())
	ready, done := make(chan struct{}), make(chan error, 1)
	go func() {
		done <- daemon.Run(ctx, daemon.Options{
			Role: role, ConfigPaths: []string{path}, NoDefaults: true, DataDir: filepath.Join(ts.Getenv("WORK"), "data"),
			Admin: "127.0.0.1:0", Version: "v9.9.9", Logger: slog.New(slog.NewTextHandler(&onlyFirst{w: &log}, nil)),
			Ready: func(*daemon.Daemon) { close(ready) },
		})
	}()
	select {
	case <-ready:
	case err := <-done:
		cancel()
		ts.Fatalf("the daemon did not start: %v", err)
	}
	ts.Defer(func() { cancel(); <-done })
	url := regexp.MustCompile(`url=(http://[0-9.:]+)`).FindSubmatch(log.Bytes())
	if url == nil {
		ts.Fatalf("the daemon does not say where it listens:\n%s", &log)
	}
	ts.Setenv("addr", string(url[1]))
	ts.Setenv("stream", stream)
}

// onlyFirst keeps what is written until the line with the address.
type onlyFirst struct {
	w    *bytes.Buffer
	over bool
}

func (o *onlyFirst) Write(b []byte) (int, error) {
	if !o.over {
		o.w.Write(b)
		o.over = bytes.Contains(b, []byte("url="))
	}
	return len(b), nil
}

func scriptAnswers(ts *testscript.TestScript, _ bool, args []string) {
	dir := ts.MkAbs(args[0])
	serve(ts, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(r.URL.Path)+".json"))
		if err != nil {
			http.NotFound(w, r)
			return
		}
		if bytes.HasPrefix(text, []byte(`{"error"`)) {
			w.WriteHeader(http.StatusUnprocessableEntity)
		}
		_, _ = w.Write(text)
	}))
}

func scriptSilences(ts *testscript.TestScript, _ bool, _ []string) {
	store, err := silence.Open(filepath.Join(ts.Getenv("WORK"), "silences.json"), time.Now)
	ts.Check(err)
	serve(ts, store.Handler())
}

func serve(ts *testscript.TestScript, h http.Handler) {
	server := httptest.NewServer(h)
	ts.Defer(server.Close)
	ts.Setenv("addr", server.URL)
}
