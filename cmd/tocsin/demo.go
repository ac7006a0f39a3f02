package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/tocsin-lma/tocsin/pkg/daemon"
	"github.com/tocsin-lma/tocsin/pkg/demo"
	"github.com/tocsin-lma/tocsin/pkg/health"
	"github.com/tocsin-lma/tocsin/pkg/store"
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
	address := flags.String("address", "127.0.0.1:8340", "`address` of the page")
	dataDir := flags.String("data-dir", "", "`folder` for its data (default a temporary one, removed at the end)")
	verbose := flags.Bool("verbose", false, "show the daemons' logs instead of writing them to demo.log")
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
	defer closeLog()
	screen := newScreen(std.out, *address)
	begin := time.Now()
	opt := demo.Options{Address: *address, DataDir: *dataDir, Faults: faults, Version: daemon.Version(), Logger: logger}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan struct{})
	err = demo.Run(ctx, opt, func(d *demo.Demo) {
		go func() { defer close(done); screen.run(ctx, d) }()
	})
	cancel()
	if err != nil {
		fmt.Fprintln(std.err, "tocsin demo:", err)
		if errors.Is(err, daemon.ErrConfig) {
			return exitConfig
		}
		return exitFindings
	}
	<-done
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

func demoLog(std streams, verbose bool) (*slog.Logger, func(), error) {
	if verbose {
		logger, err := daemon.NewLogger(std.err, "auto", slog.LevelInfo)
		return logger, func() {}, err
	}
	path := filepath.Join(os.TempDir(), "tocsin-demo.log")
	f, err := os.Create(path)
	if err != nil {
		return nil, nil, fmt.Errorf("make the log %s: %w; or use --verbose", path, err)
	}
	logger, err := daemon.NewLogger(f, "text", slog.LevelInfo)
	return logger, func() { _ = f.Close() }, err
}

// screen is the live table of a terminal; elsewhere it writes a line for every
// change.
type screen struct {
	out     io.Writer
	address string
	live    bool
	colour  bool
	shown   map[string]health.Status
	lastID  uint64
}

func newScreen(out io.Writer, address string) *screen {
	live := false
	if f, ok := out.(*os.File); ok {
		info, err := f.Stat()
		live = err == nil && info.Mode()&os.ModeCharDevice != 0
	}
	return &screen{out: out, address: address, live: live, colour: live && os.Getenv("NO_COLOR") == "", shown: map[string]health.Status{}}
}

func (s *screen) run(ctx context.Context, d *demo.Demo) {
	fmt.Fprintf(s.out, "The demonstration runs: http://%s\nThe first health status takes some 20 seconds. Ctrl-C ends it.\n", s.address)
	t := time.NewTicker(time.Second)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		var clusters []store.ClusterState
		var events []store.Event
		if getJSON(ctx, "http://"+s.address+"/api/v1/clusters", &clusters) != nil ||
			getJSON(ctx, "http://"+s.address+"/api/v1/events?kind=cluster&limit=6", &events) != nil {
			continue
		}
		if s.live {
			s.draw(clusters, events, d)
		} else {
			s.report(clusters, events)
		}
	}
}

func getJSON(ctx context.Context, url string, into any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	return json.NewDecoder(answer.Body).Decode(into)
}

// draw writes the table over the one before.
func (s *screen) draw(clusters []store.ClusterState, events []store.Event, d *demo.Demo) {
	var b strings.Builder
	b.WriteString("\x1b[H\x1b[2J")
	fmt.Fprintf(&b, "Tocsin demonstration    http://%s    Ctrl-C ends it\n\n", s.address)
	table := tabwriter.NewWriter(&b, 0, 8, 2, ' ', 0)
	fmt.Fprintln(table, "CLUSTER\tSTATUS\tFOR\tWHY")
	for _, c := range clusters {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", c.Name, c.Status.Label(), time.Since(c.Since).Round(time.Second), firstReason(c.Alarms))
	}
	_ = table.Flush()
	b.WriteString("\nEVENTS\n")
	for _, e := range events {
		fmt.Fprintf(&b, "%s  %s\n", e.Time.Local().Format("15:04:05"), eventText(e))
	}
	b.WriteString("\nBreak something, from another terminal or on the page:\n")
	for _, f := range demo.Faults() {
		mark := " "
		if d.Active(f) {
			mark = "*"
		}
		fmt.Fprintf(&b, " %s tocsin demo --fault %s\n", mark, f)
	}
	_, _ = io.WriteString(s.out, s.paint(b.String()))
}

// paint colours the statuses. It comes after the table is set, because colours
// have no width.
func (s *screen) paint(text string) string {
	if !s.colour {
		return text
	}
	return strings.NewReplacer(" OKAY ", " \x1b[32mOKAY\x1b[0m ", " WARN ", " \x1b[33mWARN\x1b[0m ", " UNKNOWN ", " \x1b[35mUNKNOWN\x1b[0m ",
		" CRITICAL ", " \x1b[31mCRITICAL\x1b[0m ", " DOWN ", " \x1b[1;31mDOWN\x1b[0m ").Replace(text)
}

// report writes what changed since the last call.
func (s *screen) report(clusters []store.ClusterState, events []store.Event) {
	for _, c := range clusters {
		if _, known := s.shown[c.Name]; !known {
			fmt.Fprintf(s.out, "%s  %s is %s\n", time.Now().Format("15:04:05"), c.Name, c.Status.Label())
		}
		s.shown[c.Name] = c.Status
	}
	for _, e := range slices.Backward(events) {
		if e.ID > s.lastID {
			s.lastID = e.ID
			fmt.Fprintf(s.out, "%s  event: %s\n", e.Time.Local().Format("15:04:05"), eventText(e))
		}
	}
}

func eventText(e store.Event) string {
	change := e.Status.Label()
	if e.Before != nil {
		change = e.Before.Label() + " -> " + change
	}
	text := e.Name + " " + change
	if why := firstReason(e.Alarms); why != "" {
		text += ": " + why
	}
	return text
}

func firstReason(alarms []json.RawMessage) string {
	if len(alarms) == 0 {
		return ""
	}
	var a struct{ Message, Hostname string }
	if json.Unmarshal(alarms[0], &a) != nil {
		return ""
	}
	text := a.Message
	if a.Hostname != "" {
		text += " (" + a.Hostname + ")"
	}
	if n := len(alarms) - 1; n > 0 {
		text += fmt.Sprintf(" and %d more", n)
	}
	return text
}
