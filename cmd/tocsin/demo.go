package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/tocsin-lma/tocsin/pkg/daemon"
	"github.com/tocsin-lma/tocsin/pkg/demo"
)

const demoUsage = `Usage: tocsin demo [FLAGS]

Runs the whole suite in one process, with generated logs and this host's metrics,
and shows the health of its clusters on a page and as a table. Nothing else has to
be installed. Ctrl-C ends it.

Flags:
`

const demoExamples = `
Examples:
  tocsin demo                       open http://127.0.0.1:8340
  tocsin demo --fault http-5xx      break the shop half a minute after the start;
                                    with a demonstration already running: break it there, now
  tocsin demo --fault disk-full --fault silent-node
`

// demoAddress is where the page is unless the command line says otherwise.
const demoAddress = "127.0.0.1:8340"

// faultList is a flag that may be given several times.
type faultList []demo.Fault

func (l *faultList) String() string { return fmt.Sprint(*l) }

func (l *faultList) Set(s string) error {
	if !slices.Contains(demo.Faults(), demo.Fault(s)) {
		return fmt.Errorf("the faults are %v", demo.Faults())
	}
	*l = append(*l, demo.Fault(s))
	return nil
}

func runDemo(ctx context.Context, std streams, args []string) int {
	flags := flag.NewFlagSet("demo", flag.ContinueOnError)
	flags.SetOutput(std.err)
	address := flags.String("address", demoAddress, "`address` of the page")
	dataDir := flags.String("data-dir", "", "`folder` for its data (default a temporary one, removed at the end)")
	verbose := flags.Bool("verbose", false, "show the daemons' logs")
	var faults faultList
	flags.Var(&faults, "fault", "`fault` to switch: http-5xx, disk-full or silent-node; may be repeated")
	flags.Usage = func() {
		fmt.Fprint(std.err, demoUsage)
		flags.PrintDefaults()
		fmt.Fprint(std.err, demoExamples)
	}
	if err := flags.Parse(args); err != nil {
		return usageCode(err)
	}
	if len(faults) > 0 && switchRunning(ctx, std, *address, faults) {
		return exitOK
	}
	logger, closeLog, err := demoLog(std, *verbose)
	if err != nil {
		fmt.Fprintln(std.err, "tocsin demo:", err)
		return exitFindings
	}
	var running sync.WaitGroup
	screen := newScreen(std.out, *address)
	begin := time.Now()
	opt := demo.Options{Address: *address, DataDir: *dataDir, Faults: faults, Version: daemon.Version(), Logger: logger}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	err = demo.Run(ctx, opt, func(d *demo.Demo) { running.Go(func() { screen.run(ctx, d) }) })
	cancel()
	running.Wait()
	kept := closeLog(err == nil || errors.Is(err, demo.ErrAddress))
	if err != nil {
		fmt.Fprintln(std.err, "tocsin demo:", err)
		switch {
		case errors.Is(err, demo.ErrAddress):
			return exitConfig
		case kept != "":
			fmt.Fprintln(std.err, "The daemons' log is", kept)
		}
		if errors.Is(err, daemon.ErrConfig) {
			return exitConfig
		}
		return exitFindings
	}
	fmt.Fprintf(std.out, "\nDrained and stopped after %s.\n", time.Since(begin).Round(time.Second))
	return exitOK
}

func usageCode(err error) int {
	if errors.Is(err, flag.ErrHelp) {
		return exitOK
	}
	return exitUsage
}

// switchRunning switches faults in a demonstration that already runs at address;
// false if there is none.
func switchRunning(ctx context.Context, std streams, address string, faults []demo.Fault) bool {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	for i, f := range faults {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+address+"/api/v1/faults/"+string(f), nil)
		if err != nil {
			return false
		}
		req.Header.Set("Accept", "application/json")
		answer, err := http.DefaultClient.Do(req)
		if err != nil {
			return i > 0
		}
		var state struct{ Active bool }
		err = json.NewDecoder(answer.Body).Decode(&state)
		_ = answer.Body.Close()
		if err != nil || answer.StatusCode != http.StatusOK {
			return i > 0
		}
		word := "off"
		if state.Active {
			word = "on"
		}
		fmt.Fprintf(std.out, "%s is now %s in the demonstration at http://%s\n", f, word, address)
	}
	return true
}

// demoLog returns the daemons' logger, and what closes it: it removes a log that
// nobody needs and returns the path of one that is kept.
func demoLog(std streams, verbose bool) (*slog.Logger, func(remove bool) string, error) {
	if verbose {
		logger, err := daemon.NewLogger(std.err, "auto", slog.LevelInfo)
		return logger, func(bool) string { return "" }, err
	}
	f, err := os.CreateTemp("", "tocsin-demo-*.log")
	if err != nil {
		return nil, nil, fmt.Errorf("make a log: %w; or use --verbose", err)
	}
	logger, err := daemon.NewLogger(f, "text", slog.LevelInfo)
	return logger, func(remove bool) string {
		_ = f.Close()
		if remove {
			_ = os.Remove(f.Name())
		}
		return f.Name()
	}, err
}
