// Command tocsin is the operator's tool: it runs the demonstration, checks and
// tests models, runs plugins, and asks the daemons about their health.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"text/tabwriter"
)

// Exit codes of every sub-command.
const (
	exitOK          = 0
	exitFindings    = 1  // a failed test, a lint finding, a status that is not OKAY
	exitUsage       = 2  // wrong usage
	exitUnreachable = 69 // the daemon does not answer
	exitConfig      = 78 // the configuration is invalid
)

// streams are the standard streams of a sub-command; tests replace them.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// command is one sub-command. run gets the arguments after its name and returns
// the exit code.
type command struct {
	name    string
	summary string
	run     func(ctx context.Context, std streams, args []string) int
}

// commands lists the sub-commands in the order of the help text.
func commands() []command {
	return []command{
		{"demo", "run the whole suite here, to look at and to break", runDemo},
		{"lua", "run a Lua script with the sandbox's modules", runLua},
		{"plugin", "list, run and check plugins", runPlugin},
		{"check", "validate a model and look for defects in it", runCheck},
		{"simulate", "say what clusters would make of other statuses, and whom they would tell", runSimulate},
		{"convert", "write a model of another layout in ours", runConvert},
		{"coverage", "report what no alarm watches", runCoverage},
		{"test", "run unit tests of alarms in virtual time", runTest},
		{"status", "show the health of clusters and nodes", runStatus},
		{"explain", "say why a cluster has its status, now or then", runExplain},
		{"events", "show changes of statuses, and follow them", runEvents},
		{"forget", "forget a host or an alarm that is gone for good", runForget},
		{"silence", "keep clusters, alarms or hosts from alerting for a time", runSilence},
		{"record", "write the messages of a daemon to a file", runRecord},
		{"replay", "evaluate recordings in virtual time", runReplay},
		{"backtest", "compare two models over recordings", runBacktest},
		{"tap", "show the messages that pass through a daemon", runTap},
		{"top", "show the throughput of a daemon, live", runTop},
		{"queue", "list, show and drop what waits in the disk queues", runQueue},
		{"streams", "show how far log files were read", runStreams},
		{"send", "inject messages over TCP", runSend},
		{"reload", "make a daemon load its model anew", runReload},
		{"version", "print versions", runVersion},
		{"completion", "print a completion script for a shell", runCompletion},
	}
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, streams{os.Stdin, os.Stdout, os.Stderr}, os.Args[1:])
	stop()
	os.Exit(code)
}

func run(ctx context.Context, std streams, args []string) int {
	if len(args) == 0 {
		printHelp(std.err)
		return exitUsage
	}
	switch args[0] {
	case "help", "-h", "-help", "--help":
		printHelp(std.out)
		return exitOK
	case "-version", "--version":
		args[0] = "version"
	}
	for _, c := range commands() {
		if c.name == args[0] {
			return c.run(ctx, std, args[1:])
		}
	}
	fmt.Fprintf(std.err, "tocsin: unknown command %q; run 'tocsin help' for the list\n", args[0])
	return exitUsage
}

func printHelp(w io.Writer) {
	fmt.Fprint(w, "tocsin: the health of each service, and why\n\nUsage:\n  tocsin COMMAND [FLAGS] [ARGUMENTS]\n\nCommands:\n")
	table := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	for _, c := range commands() {
		fmt.Fprintf(table, "  %s\t%s\n", c.name, c.summary)
	}
	_ = table.Flush()
	fmt.Fprint(w, "\nRun 'tocsin COMMAND --help' for its flags and examples.\n")
}
