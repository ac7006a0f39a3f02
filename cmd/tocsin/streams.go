package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strconv"

	"github.com/tocsin-lma/tocsin/pkg/inputs/logstream"
)

const streamsHelp = `Usage: tocsin streams [FLAGS]

Shows how far the log files were read: what lies before OFFSET is durable in every
queue that wants it. The daemon need not run; it must be run by a user who may
read the daemon's data folder.

Flags:
  --data-dir DIR       the data folder of one daemon or of all
                       (default /var/lib/tocsin, else $XDG_STATE_HOME/tocsin)
  --behind             only the files that were not read to their end
  --output FORMAT      table, json or yaml

Examples:
  tocsin streams
  tocsin streams --data-dir /var/lib/tocsin/logcollector --behind
`

// journalFolder is where a daemon keeps the positions, below its data folder.
const journalFolder = "logstreamer"

// streamRow is the position in one file.
type streamRow struct {
	logstream.Position
	Behind int64 `json:"behind"` // bytes; -1: unknown, such as of a file that is gone
}

func runStreams(_ context.Context, std streams, args []string) int {
	t := newTool(std, "streams", streamsHelp)
	dir := t.set.String("data-dir", defaultQueueDir(), "")
	behind := t.set.Bool("behind", false, "")
	if code, done := t.parse(args, 0, 0); done {
		return code
	}
	rows, err := streamRows(*dir, *behind)
	if err != nil {
		return t.end(fmt.Errorf("find log positions: %w; name the data folder with --data-dir", err))
	}
	return t.end(t.printer().print(rows, func(p *printer) error {
		if len(rows) == 0 {
			return p.printf("No log position is kept below %s.\n", *dir)
		}
		table := table{header: []string{"STREAM", "FILE", "OFFSET", "SIZE", "BEHIND", "LAST SEEN"}}
		for _, r := range rows {
			size, rest := strconv.FormatInt(r.Size, 10), strconv.FormatInt(r.Behind, 10)
			if r.Size < 0 {
				size = "gone"
			}
			if r.Behind < 0 {
				rest = "-"
			}
			table.add(r.Stream, r.Path, strconv.FormatInt(r.Offset, 10), size, rest, stamp(r.LastSeen))
		}
		return p.table(&table)
	}))
}

// streamRows reads the journals of every daemon below dir.
func streamRows(dir string, behindOnly bool) ([]streamRow, error) {
	rows := []streamRow{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			if path == dir {
				return err
			}
			return nil // a folder that may not be read holds no journal of ours
		}
		if !d.IsDir() || d.Name() != journalFolder {
			return nil
		}
		found, err := logstream.Positions(path)
		for _, p := range found {
			row := streamRow{p, -1}
			if p.Size >= 0 && filepath.Ext(p.Path) != ".gz" { // those have two lengths
				row.Behind = max(p.Size-p.Offset, 0)
			}
			if !behindOnly || row.Behind != 0 {
				rows = append(rows, row)
			}
		}
		if err != nil {
			return err
		}
		return fs.SkipDir
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return rows, err
}
