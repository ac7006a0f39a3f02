package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"github.com/tocsin-lma/tocsin/pkg/afd/sandboxed"
	"github.com/tocsin-lma/tocsin/pkg/alarmtest"
	"github.com/tocsin-lma/tocsin/pkg/config"
)

const testHelp = `Usage: tocsin test [FLAGS] FILE...

Runs unit tests of alarms, clusters, policies and events in virtual time. A FILE
may be a folder: of it, every YAML file with a list of tests is run.

Flags:
  --run REGEXP          only the tests whose names match
  --output table|json   what to print (default table)
  --mutate              change operators, thresholds, windows, severities and the
                        order of policies one at a time, and report the changes
                        that no test notices
  --min-score PERCENT   with --mutate: exit 1 below this score (default 100)
  --parallel N          tests run at once (default: one per core)

Exit codes: 0 all passed, 1 a test failed or the score is too low, 2 wrong usage,
78 a test file or its model cannot be read.

Examples:
  tocsin test alarms/
  tocsin test --run 'nova.*down' alarms/nova_test.yml
  tocsin test --mutate --min-score 95 alarms/
`

type testFlags struct {
	run      string
	output   string
	mutate   bool
	minScore float64
	parallel int
	paths    []string
}

func parseTestFlags(std streams, args []string) (testFlags, error) {
	var f testFlags
	set := flag.NewFlagSet("test", flag.ContinueOnError)
	set.SetOutput(io.Discard)
	set.StringVar(&f.run, "run", "", "")
	set.StringVar(&f.output, "output", "table", "")
	set.BoolVar(&f.mutate, "mutate", false, "")
	set.Float64Var(&f.minScore, "min-score", 100, "")
	set.IntVar(&f.parallel, "parallel", 0, "")
	for rest := args; ; { // flags may stand between the files
		if err := set.Parse(rest); err != nil {
			return f, err
		}
		if set.NArg() == 0 {
			break
		}
		f.paths = append(f.paths, set.Arg(0))
		rest = set.Args()[1:]
	}
	switch {
	case len(f.paths) == 0:
		return f, errors.New("name at least one test file or folder")
	case f.output != "table" && f.output != "json":
		return f, fmt.Errorf("unknown output %q; want table or json", f.output)
	}
	return f, nil
}

func runTest(ctx context.Context, std streams, args []string) int {
	f, err := parseTestFlags(std, args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(std.out, testHelp)
		return exitOK
	}
	if err != nil {
		fmt.Fprintf(std.err, "tocsin test: %v\nRun 'tocsin test --help' for the flags.\n", err)
		return exitUsage
	}
	opt := alarmtest.Options{Parallel: f.parallel, Compile: sandboxed.Compile}
	if f.run != "" {
		if opt.Match, err = regexp.Compile(f.run); err != nil {
			fmt.Fprintf(std.err, "tocsin test: --run %q is not a regular expression: %v\n", f.run, err)
			return exitUsage
		}
	}
	files, err := testFiles(f.paths)
	if err != nil {
		fmt.Fprintf(std.err, "tocsin test: %v\n", err)
		return exitConfig
	}
	began := time.Now()
	results := alarmtest.Run(ctx, files, opt)
	if ctx.Err() != nil {
		fmt.Fprintln(std.err, "tocsin test: interrupted; not every test was run")
		return exitFindings
	}
	if f.mutate {
		return reportMutants(ctx, std, f, files, results, opt)
	}
	return reportTests(std, f, results, time.Since(began))
}

// testFiles reads the files and, of folders, what holds tests.
func testFiles(paths []string) ([]*alarmtest.File, error) {
	var files []*alarmtest.File
	var errs []error
	add := func(path string) {
		file, err := alarmtest.ParseFile(path)
		if err != nil {
			errs = append(errs, err)
			return
		}
		files = append(files, file)
	}
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			errs = append(errs, fmt.Errorf("read tests: %w", err))
			continue
		}
		if !info.IsDir() {
			add(path)
			continue
		}
		before := len(files) + len(errs)
		err = filepath.WalkDir(path, func(p string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() && holdsTests(p) {
				add(p)
			}
			return err
		})
		if err != nil {
			errs = append(errs, fmt.Errorf("read tests: %w", err))
		} else if len(files)+len(errs) == before {
			errs = append(errs, fmt.Errorf("read tests: no file below %s holds a list of tests", path))
		}
	}
	return files, errors.Join(errs...)
}

func holdsTests(path string) bool {
	if ext := filepath.Ext(path); ext != ".yml" && ext != ".yaml" {
		return false
	}
	n, err := config.LoadPaths(path)
	return err == nil && n.Get("tests").Kind() == config.List
}

func reportTests(std streams, f testFlags, results []alarmtest.Result, took time.Duration) int {
	failed := 0
	for _, r := range results {
		if !r.OK {
			failed++
		}
	}
	if f.output == "json" {
		enc := json.NewEncoder(std.out)
		enc.SetIndent("", "  ")
		enc.SetEscapeHTML(false)
		_ = enc.Encode(map[string]any{"passed": len(results) - failed, "failed": failed, "tests": results})
	} else {
		printFailures(std.out, results)
		fmt.Fprintf(std.out, "%d passed, %d failed in %s\n", len(results)-failed, failed, took.Round(time.Millisecond))
	}
	switch {
	case failed > 0:
		return exitFindings
	case len(results) == 0:
		fmt.Fprintln(std.err, "tocsin test: no test matches --run")
		return exitUsage
	}
	return exitOK
}

func printFailures(w io.Writer, results []alarmtest.Result) {
	for _, r := range results {
		if r.OK {
			continue
		}
		fmt.Fprintf(w, "FAIL %s:%d: %s\n", r.File, r.Line, r.Name)
		for _, m := range r.Mismatches {
			fmt.Fprintf(w, "    %s\n", m)
		}
	}
}
