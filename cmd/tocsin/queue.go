package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"go.yaml.in/yaml/v3"

	"github.com/tocsin-lma/tocsin/pkg/buffer"
)

const queueUsage = `Usage: tocsin queue ls   [--data-dir DIR] [--output table|json|yaml]
       tocsin queue cat  [--data-dir DIR] [-n N] QUEUE
       tocsin queue drop [--data-dir DIR] [-n N] --yes QUEUE

Looks into the disk queues below a data folder. ls and cat also work while the
daemon runs, and change nothing. cat writes the waiting batches as they would be
sent. drop gives up the oldest records, counts their messages as dropped by the
operator, and wants the daemon stopped. QUEUE is a name that ls shows.

  --data-dir DIR   the data folder of one daemon or of all (default %s)
  -n N             only the oldest N records (default all)
  --output FORMAT  table, json or yaml
  --yes            do drop

Examples:
  tocsin queue ls --data-dir /var/lib/tocsin/logcollector
  tocsin queue cat -n 1 output_queue/elasticsearch
  tocsin queue drop --yes -n 100 output_queue/elasticsearch
`

// queueRow is one line of "tocsin queue ls".
type queueRow struct {
	Queue        string            `json:"queue" yaml:"queue"`
	Records      uint64            `json:"records" yaml:"records"`
	Messages     uint64            `json:"messages" yaml:"messages"`
	Bytes        int64             `json:"bytes" yaml:"bytes"`
	Accepted     uint64            `json:"accepted" yaml:"accepted"`
	Delivered    uint64            `json:"delivered" yaml:"delivered"`
	DeadLettered uint64            `json:"dead_lettered" yaml:"dead_lettered"`
	Dropped      map[string]uint64 `json:"dropped" yaml:"dropped"`
	Repeated     uint64            `json:"repeated" yaml:"repeated"`
	Error        string            `json:"error,omitempty" yaml:"error,omitempty"`
}

type queueFlags struct {
	dataDir, output string
	count           int
	yes             bool
	queue           string
}

// runQueue is "tocsin queue".
func runQueue(ctx context.Context, std streams, args []string) int {
	usage := fmt.Sprintf(queueUsage, defaultQueueDir())
	if len(args) == 0 {
		fmt.Fprint(std.err, usage)
		return exitUsage
	}
	verb := args[0]
	if verb == "help" || verb == "-h" || verb == "-help" || verb == "--help" {
		fmt.Fprint(std.out, usage)
		return exitOK
	}
	run := map[string]func(context.Context, streams, queueFlags) int{"ls": queueLs, "cat": queueCat, "drop": queueDrop}[verb]
	if run == nil {
		fmt.Fprintf(std.err, "tocsin queue: unknown command %q\n%s", verb, usage)
		return exitUsage
	}
	f, err := parseQueueFlags(verb, args[1:])
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(std.out, usage)
		return exitOK
	case err != nil:
		fmt.Fprintf(std.err, "tocsin queue %s: %v\n%s", verb, err, usage)
		return exitUsage
	}
	return run(ctx, std, f)
}

// parseQueueFlags takes flags before and after the name of the queue.
func parseQueueFlags(verb string, args []string) (queueFlags, error) {
	f := queueFlags{}
	set := flag.NewFlagSet(verb, flag.ContinueOnError)
	set.SetOutput(io.Discard)
	set.StringVar(&f.dataDir, "data-dir", defaultQueueDir(), "")
	set.StringVar(&f.output, "output", "table", "")
	set.IntVar(&f.count, "n", -1, "")
	set.BoolVar(&f.yes, "yes", false, "")
	var names []string
	for {
		if err := set.Parse(args); err != nil {
			return f, err
		}
		if set.NArg() == 0 {
			break
		}
		names = append(names, set.Arg(0))
		args = set.Args()[1:]
	}
	switch {
	case verb == "ls" && len(names) > 0:
		return f, fmt.Errorf("unexpected argument %q", names[0])
	case verb != "ls" && len(names) != 1:
		return f, errors.New("name one queue; tocsin queue ls shows their names")
	case !slices.Contains([]string{"table", "json", "yaml"}, f.output):
		return f, fmt.Errorf("unknown output format %q: use table, json or yaml", f.output)
	}
	if len(names) > 0 {
		f.queue = names[0]
	}
	return f, nil
}

// defaultQueueDir holds the data folders of all daemons of this user.
func defaultQueueDir() string {
	const system = "/var/lib/tocsin"
	if _, err := os.ReadDir(system); err == nil {
		return system
	}
	state := os.Getenv("XDG_STATE_HOME")
	if state == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return system
		}
		state = filepath.Join(home, ".local", "state")
	}
	if _, err := os.Stat(filepath.Join(state, "tocsin")); err != nil {
		return system
	}
	return filepath.Join(state, "tocsin")
}

// findQueues returns the folders below dir that are queues, relative to it and in
// order.
func findQueues(dir string) ([]string, error) {
	var found []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			if path == dir {
				return err
			}
			return nil // a folder that may not be read holds no queue of ours
		}
		if d.IsDir() && buffer.Exists(path) {
			name, err := filepath.Rel(dir, path)
			if err != nil {
				return err
			}
			found = append(found, name)
		}
		return nil
	})
	return found, err
}

func queueLs(_ context.Context, std streams, f queueFlags) int {
	names, err := findQueues(f.dataDir)
	if err != nil {
		fmt.Fprintf(std.err, "tocsin queue ls: find queues: %v; name the data folder with --data-dir\n", err)
		return exitFindings
	}
	rows := make([]queueRow, 0, len(names))
	code := exitOK
	for _, name := range names {
		row := readQueueRow(f.dataDir, name)
		if row.Error != "" {
			code = exitFindings
		}
		rows = append(rows, row)
	}
	switch f.output {
	case "json":
		enc := json.NewEncoder(std.out)
		enc.SetIndent("", "  ")
		err = enc.Encode(rows)
	case "yaml":
		var b []byte
		if b, err = yaml.Marshal(rows); err == nil {
			_, err = std.out.Write(b)
		}
	default:
		err = printQueueTable(std.out, rows)
	}
	if err != nil {
		fmt.Fprintf(std.err, "tocsin queue ls: write: %v\n", err)
		return exitFindings
	}
	return code
}

func readQueueRow(dataDir, name string) queueRow {
	row := queueRow{Queue: name, Dropped: map[string]uint64{}}
	q, err := buffer.Open(filepath.Join(dataDir, name), buffer.Options{ReadOnly: true})
	if err != nil {
		row.Error = err.Error()
		return row
	}
	defer q.Close()
	s := q.Stats()
	row.Records, row.Messages, row.Bytes = s.Records, s.Messages, s.Bytes
	row.Accepted, row.Delivered, row.DeadLettered, row.Dropped, row.Repeated = s.Accepted, s.Delivered, s.DeadLettered, s.Dropped, s.Repeated
	return row
}

func printQueueTable(w io.Writer, rows []queueRow) error {
	table := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(table, "QUEUE\tRECORDS\tMESSAGES\tBYTES\tACCEPTED\tDELIVERED\tDEAD_LETTERED\tREPEATED\tDROPPED")
	for _, r := range rows {
		if r.Error != "" {
			fmt.Fprintf(table, "%s\t%s\n", r.Queue, r.Error)
			continue
		}
		dropped := []string{}
		for _, reason := range slices.Sorted(maps.Keys(r.Dropped)) {
			dropped = append(dropped, fmt.Sprintf("%s=%d", reason, r.Dropped[reason]))
		}
		if len(dropped) == 0 {
			dropped = append(dropped, "0")
		}
		fmt.Fprintf(table, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%s\n", r.Queue, r.Records, r.Messages, r.Bytes,
			r.Accepted, r.Delivered, r.DeadLettered, r.Repeated, strings.Join(dropped, ","))
	}
	return table.Flush()
}

// openNamed opens the queue that the flags name, which must be there already.
func openNamed(f queueFlags, readOnly bool) (*buffer.Queue, error) {
	names, err := findQueues(f.dataDir)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(names, filepath.Clean(f.queue)) {
		return nil, fmt.Errorf("no queue %q below %s; tocsin queue ls --data-dir %s shows those there are", f.queue, f.dataDir, f.dataDir)
	}
	return buffer.Open(filepath.Join(f.dataDir, f.queue), buffer.Options{ReadOnly: readOnly})
}

func queueCat(ctx context.Context, std streams, f queueFlags) int {
	q, err := openNamed(f, true)
	if err != nil {
		fmt.Fprintf(std.err, "tocsin queue cat: %v\n", err)
		return exitFindings
	}
	defer q.Close()
	for n := 0; (f.count < 0 || n < f.count) && ctx.Err() == nil; n++ {
		rec, err := q.Next(ctx)
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			_, err = std.out.Write(rec.Data)
		}
		if err != nil {
			fmt.Fprintf(std.err, "tocsin queue cat: %v\n", err)
			return exitFindings
		}
	}
	return exitOK
}

func queueDrop(_ context.Context, std streams, f queueFlags) int {
	if !f.yes {
		fmt.Fprint(std.err, "tocsin queue drop: nothing was dropped; add --yes to drop for good\n")
		return exitUsage
	}
	q, err := openNamed(f, false)
	if err != nil {
		fmt.Fprintf(std.err, "tocsin queue drop: %v\n", err)
		return exitFindings
	}
	records, messages := q.Discard(f.count)
	if err := q.Close(); err != nil {
		fmt.Fprintf(std.err, "tocsin queue drop: %v\n", err)
		return exitFindings
	}
	fmt.Fprintf(std.out, "dropped %d records with %d messages\n", records, messages)
	return exitOK
}
