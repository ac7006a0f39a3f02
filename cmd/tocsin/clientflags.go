package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tocsin-lma/tocsin/pkg/daemon"
)

// usageError is wrong usage that shows only after the flags were read.
type usageError struct{ text string }

func (e usageError) Error() string { return e.text }

// findingsError is a result that is no failure of ours: exit code 1 and its text.
type findingsError struct{ text string }

func (e findingsError) Error() string { return e.text }

// errFindings ends a command with exit code 1 and without more words.
var errFindings = errors.New("findings")

// tool is what most sub-commands have in common: a name, a help text, flags that
// may stand before and after the arguments, and a way to end.
type tool struct {
	std     streams
	name    string
	help    string
	set     *flag.FlagSet
	address string
	output  string
	args    []string
}

// newTool makes the flag set. Every flag has to be told in help.
func newTool(std streams, name, help string) *tool {
	t := &tool{std: std, name: name, help: help, set: flag.NewFlagSet(name, flag.ContinueOnError)}
	t.set.SetOutput(io.Discard)
	t.set.StringVar(&t.output, "output", formatTable, "")
	return t
}

// withAddress adds --address of a daemon's admin server.
func (t *tool) withAddress() *tool {
	t.set.StringVar(&t.address, "address", defaultAddress, "")
	return t
}

// parse reads the flags and at least low, at most high arguments. done: the
// command is over, with that exit code.
func (t *tool) parse(args []string, low, high int) (code int, done bool) {
	err := t.read(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(t.std.out, t.help)
		return exitOK, true
	case err != nil:
	case !slices.Contains([]string{formatTable, formatJSON, formatYAML}, t.output):
		err = fmt.Errorf("unknown output format %q: use table, json or yaml", t.output)
	case len(t.args) < low:
		err = errors.New("an argument is missing")
	case high >= 0 && len(t.args) > high:
		err = fmt.Errorf("unexpected argument %q", t.args[high])
	}
	if err != nil {
		fmt.Fprintf(t.std.err, "tocsin %s: %v\nRun 'tocsin %s --help' for its flags and examples.\n", t.name, err, strings.Fields(t.name)[0])
		return exitUsage, true
	}
	return exitOK, false
}

func (t *tool) read(args []string) error {
	for {
		if err := t.set.Parse(args); err != nil {
			return err
		}
		rest := t.set.Args()
		if len(rest) == 0 {
			return nil
		}
		if read := len(args) - len(rest); read > 0 && args[read-1] == "--" {
			t.args = append(t.args, rest...)
			return nil
		}
		t.args = append(t.args, rest[0])
		args = rest[1:]
	}
}

// printer writes to the standard output.
func (t *tool) printer() *printer { return newPrinter(t.std.out, t.output) }

// end tells what went wrong, if anything did, and returns the exit code.
func (t *tool) end(err error) int {
	if err == nil {
		return exitOK
	}
	if !errors.Is(err, errFindings) {
		fmt.Fprintf(t.std.err, "tocsin %s: %v\n", t.name, err)
	}
	if _, ok := errors.AsType[*unreachableError](err); ok {
		return exitUnreachable
	}
	if _, ok := errors.AsType[usageError](err); ok {
		return exitUsage
	}
	refused, ok := errors.AsType[*answerError](err)
	switch {
	case errors.Is(err, daemon.ErrConfig), ok && refused.status == http.StatusUnprocessableEntity:
		return exitConfig
	case ok && refused.status == http.StatusServiceUnavailable:
		return exitUnreachable
	case ok && (refused.status == http.StatusBadRequest || refused.status == http.StatusNotImplemented):
		return exitUsage
	}
	return exitFindings
}

// list is a flag that may be given several times.
type list []string

func (l *list) String() string     { return strings.Join(*l, ", ") }
func (l *list) Set(s string) error { *l = append(*l, s); return nil }

// moment is a flag for a point in time: a date, a clock time of today, Unix
// seconds, or how long ago.
type moment struct {
	time time.Time
	now  func() time.Time
	away time.Duration // 1 for durations that lead to the future, -1 to the past
}

func (m *moment) String() string { return "" }

// Set reads the forms that the help texts name.
func (m *moment) Set(text string) error {
	now := m.now()
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04:05", "2006-01-02 15:04", "2006-01-02"} {
		if t, err := time.ParseInLocation(layout, text, now.Location()); err == nil {
			m.time = t
			return nil
		}
	}
	for _, layout := range []string{"15:04:05", "15:04"} {
		if t, err := time.Parse(layout, text); err == nil {
			m.time = time.Date(now.Year(), now.Month(), now.Day(), t.Hour(), t.Minute(), t.Second(), 0, now.Location())
			return nil
		}
	}
	if d, err := parseDuration(strings.TrimPrefix(text, "-")); err == nil {
		m.time = now.Add(m.away * d)
		return nil
	}
	if seconds, err := strconv.ParseInt(text, 10, 64); err == nil {
		m.time = time.Unix(seconds, 0)
		return nil
	}
	return errors.New("this is no time; write 2006-01-02T15:04:05Z, 15:04, Unix seconds, or a duration such as 90m or 2d")
}

// parseDuration reads what time.ParseDuration reads, and days.
func parseDuration(text string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		n, err := strconv.ParseFloat(days, 64)
		if err == nil && n >= 0 && n < 36500 {
			return time.Duration(n * float64(24*time.Hour)), nil
		}
	}
	return time.ParseDuration(text)
}
