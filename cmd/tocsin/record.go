package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/tocsin-lma/tocsin/pkg/matcher"
	"github.com/tocsin-lma/tocsin/pkg/message"
)

const recordHelp = `Usage: tocsin record FILE [FLAGS]

Writes the messages that pass through a daemon to FILE until Ctrl-C, for replay and
backtest. Record the metrics of a metriccollector to try alarms, the verdicts of
an aggregator to try clusters. FILE "-" is the standard output.

Flags:
  --matcher EXPR       which messages (default those that alarms and clusters read:
                       Type =~ /(metric|heartbeat)$/)
  --for DURATION       stop after that time
  -n N                 stop after N messages
  --force              overwrite FILE
  --address ADDRESS    URL, HOST:PORT, or a daemon of this host by its name
                       (default metriccollector)

Examples:
  tocsin record incident.ndjson --for 10m
  tocsin record verdicts.ndjson --address aggregator
`

const recordMatcher = "Type =~ /(metric|heartbeat)$/"

func runRecord(ctx context.Context, std streams, args []string) int {
	t := newTool(std, "record", recordHelp)
	t.set.StringVar(&t.address, "address", "metriccollector", "")
	expr := t.set.String("matcher", recordMatcher, "")
	span := t.set.Duration("for", 0, "")
	count := t.set.Int("n", 0, "")
	force := t.set.Bool("force", false, "")
	if code, done := t.parse(args, 1, 1); done {
		return code
	}
	if _, err := matcher.Parse(*expr); err != nil {
		return t.end(usageError{fmt.Sprintf("--matcher: %v", err)})
	}
	if *span > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, *span)
		defer cancel()
	}
	header, err := readRecordingHeader(ctx, t.address, *expr)
	if err != nil {
		return t.end(err)
	}
	out, finish, err := createRecording(std.out, t.args[0], *force)
	if err != nil {
		return t.end(err)
	}
	n, err := record(ctx, out, header, t.address, *count)
	err = errors.Join(err, finish())
	fmt.Fprintf(std.err, "tocsin record: %d %s of %s on %s\n", n, plural(n, "message", "messages"), header.Role.Binary(), header.Host)
	return t.end(err)
}

func readRecordingHeader(ctx context.Context, address, expr string) (recordingHeader, error) {
	c, err := newClient(address)
	if err != nil {
		return recordingHeader{}, err
	}
	var info daemonInfo
	if err := c.get(ctx, "/api/v1/daemon", nil, &info); err != nil {
		return recordingHeader{}, err
	}
	return recordingHeader{Role: info.Role, Host: info.Host, Version: info.Version, Hash: info.Hash, Matcher: expr, Recorded: time.Now().UTC()}, nil
}

// createRecording opens the file; finish closes it.
func createRecording(stdout io.Writer, path string, force bool) (w io.Writer, finish func() error, err error) {
	if path == "-" {
		return stdout, func() error { return nil }, nil
	}
	mode := os.O_CREATE | os.O_WRONLY | os.O_EXCL
	if force {
		mode = os.O_CREATE | os.O_WRONLY | os.O_TRUNC
	}
	f, err := os.OpenFile(path, mode, 0o640)
	if errors.Is(err, os.ErrExist) {
		return nil, nil, usageError{fmt.Sprintf("%s is there already; --force overwrites it", path)}
	}
	if err != nil {
		return nil, nil, fmt.Errorf("create recording: %w", err)
	}
	return f, f.Close, nil
}

// record writes messages until ctx is done or there are count of them; 0: no limit.
func record(ctx context.Context, w io.Writer, header recordingHeader, address string, count int) (n int, err error) {
	out, err := newRecordingWriter(w, header)
	if err != nil {
		return 0, fmt.Errorf("write recording: %w", err)
	}
	flushed := time.Now()
	lost, err := tapMessages(ctx, address, header.Matcher, func(m *message.Message) error {
		now := time.Now()
		if err := out.write(now, m); err != nil {
			return fmt.Errorf("write recording: %w", err)
		}
		n++
		if now.Sub(flushed) > time.Second { // a person may look at the file meanwhile
			flushed = now
			if err := out.w.Flush(); err != nil {
				return fmt.Errorf("write recording: %w", err)
			}
		}
		if n == count {
			return io.EOF
		}
		return nil
	})
	if errors.Is(err, io.EOF) {
		err = nil
	}
	if lost > 0 && err == nil {
		err = findingsError{fmt.Sprintf("the recording is not complete: %d messages came too fast; record fewer with --matcher", lost)}
	}
	return n, errors.Join(err, flushRecording(out.w))
}

func flushRecording(w *bufio.Writer) error {
	if err := w.Flush(); err != nil {
		return fmt.Errorf("write recording: %w", err)
	}
	return nil
}
