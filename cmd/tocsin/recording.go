package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"github.com/tidwall/gjson"

	"github.com/tocsin-lma/tocsin/pkg/daemon"
	"github.com/tocsin-lma/tocsin/pkg/encoders"
	"github.com/tocsin-lma/tocsin/pkg/message"
)

// A recording is lines of JSON: a header, then one line for every message with
// the time at which it passed. Fields keep their order, types and units, so that
// a replay computes what the daemon computed.
const recordingFormat = 1

// recordingHeader is the first line: where the messages come from.
type recordingHeader struct {
	Format   int         `json:"tocsin_recording"`
	Role     daemon.Role `json:"role"`
	Host     string      `json:"host"`
	Version  string      `json:"version,omitempty"`
	Hash     string      `json:"config_hash,omitempty"`
	Matcher  string      `json:"matcher,omitempty"`
	Recorded time.Time   `json:"recorded"`
}

// recordingWriter writes a recording.
type recordingWriter struct {
	w   *bufio.Writer
	buf []byte
}

func newRecordingWriter(w io.Writer, h recordingHeader) (*recordingWriter, error) {
	r := &recordingWriter{w: bufio.NewWriterSize(w, 256<<10)}
	h.Format = recordingFormat
	line, err := json.Marshal(h)
	if err != nil {
		return nil, err
	}
	_, err = r.w.Write(append(line, '\n'))
	return r, err
}

// write adds a message that passed at that time.
func (r *recordingWriter) write(at time.Time, m *message.Message) (err error) {
	r.buf = strconv.AppendInt(append(r.buf[:0], `{"passed_ns":"`...), at.UnixNano(), 10)
	r.buf = append(r.buf, `","message":`...)
	if r.buf, err = (&encoders.JSON{}).Encode(r.buf, m); err != nil {
		return err
	}
	r.buf = append(bytes.TrimRight(r.buf, "\n"), "}\n"...)
	_, err = r.w.Write(r.buf)
	return err
}

// recordingReader reads a recording message by message.
type recordingReader struct {
	name   string
	header recordingHeader
	file   io.Closer
	lines  *bufio.Scanner
	line   int

	at time.Time        // of the message that comes next
	m  *message.Message // nil: there is none
}

// openRecording opens a file and reads its header and its first message.
func openRecording(path string) (*recordingReader, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open recording: %w", err)
	}
	r := &recordingReader{name: path, file: f, lines: bufio.NewScanner(f)}
	r.lines.Buffer(nil, maxLine)
	if err := r.begin(); err != nil {
		_ = f.Close()
		return nil, err
	}
	return r, nil
}

func (r *recordingReader) begin() error {
	r.line = 1
	if !r.lines.Scan() || json.Unmarshal(r.lines.Bytes(), &r.header) != nil || r.header.Format == 0 {
		return fmt.Errorf("read recording %s: its first line is not the header of a recording; make one with tocsin record", r.name)
	}
	if r.header.Format != recordingFormat {
		return fmt.Errorf("read recording %s: it has format %d, this tool reads %d", r.name, r.header.Format, recordingFormat)
	}
	return r.next()
}

// next makes the message after the present one the present one. Time never runs
// backwards: a message that seems older passed at the time of the one before.
func (r *recordingReader) next() error {
	r.m = nil
	for r.lines.Scan() {
		r.line++
		if len(bytes.TrimSpace(r.lines.Bytes())) == 0 {
			continue
		}
		at, m, err := parseRecordingLine(r.lines.Text())
		if err != nil {
			return fmt.Errorf("read recording %s: line %d: %w", r.name, r.line, err)
		}
		r.m = m
		if at.After(r.at) {
			r.at = at
		}
		return nil
	}
	if err := r.lines.Err(); err != nil {
		return fmt.Errorf("read recording %s: line %d: %w", r.name, r.line+1, err)
	}
	return nil
}

// parseRecordingLine reads a line after the header.
func parseRecordingLine(text string) (at time.Time, m *message.Message, err error) {
	if !gjson.Valid(text) {
		return at, nil, errors.New("this is not JSON, or cut off")
	}
	line := gjson.Parse(text)
	passed := line.Get("passed_ns").Str
	ns, err := strconv.ParseInt(passed, 10, 64)
	if err != nil {
		return at, nil, fmt.Errorf("passed_ns is %q, want nanoseconds", passed)
	}
	at = time.Unix(0, ns)
	raw := line.Get("message").Raw
	if m, err = parseRecorded(raw); err != nil {
		m, err = parseMessage(json.RawMessage(raw), at)
	}
	return at, m, err
}

// openRecordings opens several; the caller closes what it gets.
func openRecordings(paths []string) ([]*recordingReader, error) {
	var out []*recordingReader
	for _, path := range paths {
		r, err := openRecording(path)
		if err != nil {
			closeRecordings(out)
			return nil, err
		}
		out = append(out, r)
	}
	return out, nil
}

func closeRecordings(list []*recordingReader) {
	for _, r := range list {
		_ = r.file.Close()
	}
}

// earliest returns the recording whose next message passed first; nil when all
// are at their end.
func earliest(list []*recordingReader) *recordingReader {
	var first *recordingReader
	for _, r := range list {
		if r.m != nil && (first == nil || r.at.Before(first.at)) {
			first = r
		}
	}
	return first
}
