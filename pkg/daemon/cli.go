package daemon

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"
)

// Exit codes of the daemons.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
	exitConfig = 78 // the configuration is invalid
)

// list is a flag that may be given several times.
type list []string

func (l *list) String() string     { return strings.Join(*l, ", ") }
func (l *list) Set(s string) error { *l = append(*l, s); return nil }

// Main is the whole of a daemon's main function: it reads the flags, runs the
// role until SIGINT or SIGTERM, and returns the exit code.
func Main(role Role, args []string) int {
	opt := Options{Role: role, Version: Version()}
	flags := flag.NewFlagSet(role.Binary(), flag.ContinueOnError)
	flags.SetOutput(os.Stderr)
	var level slog.LevelVar
	var paths list
	flags.Var(&paths, "config", "`file or folder` of the model, laid over the shipped one; may be repeated")
	flags.StringVar(&opt.DataDir, "data-dir", "", "`folder` for everything the daemon writes (default /var/lib/tocsin/"+role.Binary()+")")
	flags.StringVar(&opt.Admin, "admin", "", "`address` of the admin server, or none (default "+role.AdminAddress()+")")
	flags.BoolVar(&opt.NoDefaults, "no-defaults", false, "begin with an empty model instead of the shipped one")
	check := flags.Bool("check", false, "check the model and exit")
	version := flags.Bool("version", false, "print the version and exit")
	format := flags.String("log-format", "auto", "`format` of the log: text, json, or auto (text on a terminal)")
	flags.TextVar(&level, "log-level", &level, "`level` of the log: debug, info, warn or error")
	variant := ""
	if role == MetricCollector {
		flags.StringVar(&variant, "role", "", "`remote` for the collector behind the virtual address")
	}
	flags.Usage = func() { usage(flags, role) }
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return exitOK
		}
		return exitUsage
	}
	if flags.NArg() > 0 {
		fmt.Fprintf(os.Stderr, "%s: unexpected argument %q; run '%s --help'\n", role.Binary(), flags.Arg(0), role.Binary())
		return exitUsage
	}
	if *version {
		fmt.Println(role.Binary(), opt.Version)
		return exitOK
	}
	switch variant {
	case "":
	case "remote":
		opt.Role = RemoteCollector
	default:
		fmt.Fprintf(os.Stderr, "%s: --role is %q; it may be remote, or left out\n", role.Binary(), variant)
		return exitUsage
	}
	opt.ConfigPaths = paths
	logger, err := NewLogger(os.Stderr, *format, &level)
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", role.Binary(), err)
		return exitUsage
	}
	opt.Logger = logger
	if *check {
		return checkOnly(opt)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return exitCode(role, Run(ctx, opt))
}

func usage(flags *flag.FlagSet, role Role) {
	out := flags.Output()
	_, _ = fmt.Fprintf(out, "%s: %s\n\nUsage:\n  %s [FLAGS]\n\nFlags:\n", role.Binary(), role.summary(), role.Binary())
	flags.PrintDefaults()
	_, _ = fmt.Fprintf(out, `
Examples:
  %[1]s                                      run on the shipped model
  %[1]s --config site.yml --check            is this model valid?
  %[1]s --config site.yml --data-dir ./data  run it

SIGHUP loads the model anew; an invalid one is refused and the old one goes on.
Exit codes: 0 stopped, 1 failed, 2 wrong usage, 78 invalid configuration.
`, role.Binary())
}

func (r Role) summary() string {
	switch r {
	case LogCollector:
		return "reads logs, makes metrics of them, sends both on"
	case MetricCollector, RemoteCollector:
		return "collects metrics and evaluates alarms where they arise"
	case Aggregator:
		return "computes the health of clusters from the verdicts of all nodes"
	}
	return "collects the samples of OpenStack's telemetry"
}

// checkOnly builds everything of the model and starts nothing.
func checkOnly(opt Options) int {
	notices, err := Check(opt)
	for _, n := range notices {
		fmt.Println("notice:", n)
	}
	if err != nil {
		return exitCode(opt.Role, err)
	}
	fmt.Println("the model is valid")
	return exitOK
}

func exitCode(role Role, err error) int {
	if err == nil {
		return exitOK
	}
	fmt.Fprintf(os.Stderr, "%s: %v\n", role.Binary(), err)
	if errors.Is(err, ErrConfig) {
		return exitConfig
	}
	return exitFailed
}

// NewLogger makes the log of a command: text on a terminal, JSON otherwise,
// unless format says which.
func NewLogger(w io.Writer, format string, level slog.Leveler) (*slog.Logger, error) {
	options := &slog.HandlerOptions{Level: level}
	switch format {
	case "json":
		return slog.New(slog.NewJSONHandler(w, options)), nil
	case "text":
		return slog.New(slog.NewTextHandler(w, options)), nil
	case "auto":
		if isTerminal(w) {
			return slog.New(slog.NewTextHandler(w, options)), nil
		}
		return slog.New(slog.NewJSONHandler(w, options)), nil
	}
	return nil, fmt.Errorf("--log-format is %q; it may be text, json or auto", format)
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// stamped is the version of a release, set by the linker:
// -ldflags "-X github.com/tocsin-lma/tocsin/pkg/daemon.stamped=1.2.3".
var stamped string

// Version is the version the binary was built from.
func Version() string {
	if stamped != "" {
		return stamped
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			return "devel-" + s.Value[:12]
		}
	}
	return "devel"
}
