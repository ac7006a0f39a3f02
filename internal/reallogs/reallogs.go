// Package reallogs judges how much of real servers' logs the shipped decoders
// read. scripts/reallogs runs the servers; the samples it kept are regression
// tests.
//
// Invariant: every line of a log file is in a decoded or in a rejected record, or
// the report says which are missing.
package reallogs

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// Target is the least share of lines that must be decoded.
const Target = 0.999

// Stream is what became of one server's log.
type Stream struct {
	Name     string // server.log, as the collector names it
	Lines    int    // in the files, without blank ones
	Covered  int    // lines found again in records
	Records  int    // decoded
	Rejected []string
	lost     int // lines of rejected records
}

// record is what the JSON encoder writes of a message.
type record struct {
	Type    string `json:"type"`
	Logger  string `json:"logger"`
	Payload string `json:"payload"`
	Fields  []struct {
		Name  string `json:"name"`
		Value []any  `json:"value"`
	} `json:"fields"`
}

func (r *record) rejected() bool {
	for _, f := range r.Fields {
		if f.Name == "decode_failure" {
			return true
		}
	}
	return false
}

// rotated is the ending of a rotated file.
var rotated = regexp.MustCompile(`\.\d+$`)

// StreamName is the name of the stream that a log file belongs to.
func StreamName(server, file string) string {
	return server + "." + strings.TrimSuffix(rotated.ReplaceAllString(file, ""), ".log")
}

// Read compares the log files <logs>/<server>/<log>.log with the records.
func Read(logs, records string) ([]*Stream, error) {
	byName := map[string]*Stream{}
	files, err := filepath.Glob(filepath.Join(logs, "*", "*.log*"))
	if err != nil {
		return nil, fmt.Errorf("list logs: %w", err)
	}
	for _, path := range files {
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("read log: %w", err)
		}
		name := StreamName(filepath.Base(filepath.Dir(path)), filepath.Base(path))
		if byName[name] == nil {
			byName[name] = &Stream{Name: name}
		}
		byName[name].Lines += lines(string(data)) - heads(name, string(data))
	}
	if err := count(records, byName); err != nil {
		return nil, err
	}
	streams := make([]*Stream, 0, len(byName))
	for _, s := range byName {
		if s.Lines > 0 {
			streams = append(streams, s)
		}
	}
	slices.SortFunc(streams, func(a, b *Stream) int { return strings.Compare(a.Name, b.Name) })
	return streams, nil
}

func count(records string, byName map[string]*Stream) error {
	f, err := os.Open(records)
	if err != nil {
		return fmt.Errorf("read records: %w", err)
	}
	defer f.Close()
	in := bufio.NewReader(f)
	for {
		line, err := in.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read records: %w", err)
		}
		var r record
		if err := json.Unmarshal(line, &r); err != nil {
			return fmt.Errorf("read record %.80q: %w", line, err)
		}
		s := byName[r.Logger]
		if s == nil {
			return fmt.Errorf("a record of %q, which is no log", r.Logger)
		}
		s.add(&r)
	}
}

func (s *Stream) add(r *record) {
	_, rest, _ := strings.Cut(r.Payload, "\n")
	n := 1 + lines(rest) // the first line may have had nothing but a header
	s.Covered += n
	if r.rejected() {
		s.Rejected = append(s.Rejected, r.Payload)
		s.lost += n
		return
	}
	s.Records++
}

// lines counts lines that are not blank: blank ones end reports, and are no part
// of them.
func lines(text string) int {
	n := 0
	for line := range strings.Lines(text) {
		if strings.TrimSpace(line) != "" {
			n++
		}
	}
	return n
}

// heads counts the lines of a slow query log that become fields, and no part of a
// message's text.
func heads(name, text string) int {
	if !strings.HasSuffix(name, ".slow") {
		return 0
	}
	n := 0
	for line := range strings.Lines(text) {
		comment := strings.HasPrefix(line, "#") && !strings.HasPrefix(line, "# administrator command: ")
		if comment || strings.HasPrefix(line, "use ") || strings.HasPrefix(line, "SET timestamp=") {
			n++
		}
	}
	return n
}

// Share is the share of lines that are in decoded records.
func (s *Stream) Share() float64 { return float64(s.Covered-s.lost) / float64(s.Lines) }

// Report writes the table and the rejected records. Its error says which streams
// miss the target.
func Report(w io.Writer, streams []*Stream) error {
	var errs []error
	servers, total := map[string]*Stream{}, &Stream{Name: "all"}
	_, _ = fmt.Fprintf(w, "%-28s %8s %8s %8s %9s\n", "stream", "lines", "records", "rejected", "decoded")
	row := func(s *Stream) {
		_, _ = fmt.Fprintf(w, "%-28s %8d %8d %8d %8.3f%%\n", s.Name, s.Lines, s.Records, len(s.Rejected), 100*s.Share())
	}
	for _, s := range streams {
		row(s)
		server, _, _ := strings.Cut(s.Name, ".")
		if servers[server] == nil {
			servers[server] = &Stream{Name: server}
		}
		for _, sum := range []*Stream{servers[server], total} {
			sum.Lines, sum.Covered, sum.lost = sum.Lines+s.Lines, sum.Covered+s.Covered, sum.lost+s.lost
			sum.Records, sum.Rejected = sum.Records+s.Records, append(sum.Rejected, s.Rejected...)
		}
		if s.Covered != s.Lines {
			errs = append(errs, fmt.Errorf("%s has %d lines, %d of them are in records", s.Name, s.Lines, s.Covered))
		}
	}
	row(total)
	for _, s := range streams {
		for _, text := range s.Rejected {
			_, _ = fmt.Fprintf(w, "rejected: %s: %.300q\n", s.Name, text)
		}
	}
	for name, s := range servers {
		if s.Share() < Target {
			errs = append(errs, fmt.Errorf("%s: %.3f %% of the lines decoded, %.1f %% wanted", name, 100*s.Share(), 100*Target))
		}
	}
	return errors.Join(errs...)
}
