package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/tocsin-lma/tocsin/pkg/encoders"
	"github.com/tocsin-lma/tocsin/pkg/matcher"
	"github.com/tocsin-lma/tocsin/pkg/message"
)

const tapHelp = `Usage: tocsin tap [FLAGS]

Shows the messages that pass through a daemon, from its inputs and its filters.
Watching holds nothing up: what cannot be shown in time is left out, and counted.

Flags:
  --matcher EXPR       which messages (default TRUE, all)
  -n N                 stop after N messages
  --address ADDRESS    URL, HOST:PORT, or a daemon of this host by its name
                       (default http://127.0.0.1:8340, the aggregator)
  --output FORMAT      table (one readable line each), json (one object a line,
                       with the types of all fields) or yaml

Examples:
  tocsin tap --address logcollector
  tocsin tap --address metriccollector --matcher "Type =~ /metric$/ && Fields[name] == 'cpu_idle'"
  tocsin tap -n 100 --output json > messages.ndjson
`

// framesType is the media type of a tap in frames, which keeps the types of all
// fields. A daemon that does not know it answers with lines of JSON.
const framesType = "application/vnd.tocsin.frames"

// tapLostType is the type of the message by which a tap in frames says, in its
// integer field "lost", how many messages it has left out since it began.
const (
	tapLostType  = "tocsin.tap"
	tapLostField = "lost"
)

func runTap(ctx context.Context, std streams, args []string) int {
	t := newTool(std, "tap", tapHelp).withAddress()
	expr := t.set.String("matcher", "TRUE", "")
	count := t.set.Int("n", 0, "")
	if code, done := t.parse(args, 0, 0); done {
		return code
	}
	p := t.printer()
	p.lines = true
	seen := 0
	lost, err := tapMessages(ctx, t.address, *expr, func(m *message.Message) error {
		seen++
		err := printMessage(p, m)
		if err == nil && seen == *count {
			err = io.EOF
		}
		return err
	})
	if errors.Is(err, io.EOF) {
		err = nil
	}
	if lost > 0 {
		fmt.Fprintf(std.err, "tocsin tap: %d messages were left out: they came faster than they could be shown\n", lost)
	}
	return t.end(err)
}

// printMessage writes a message in the form that send and replay read, or as a
// line for people.
func printMessage(p *printer, m *message.Message) error {
	if p.format == formatTable {
		return p.printf("%s\n", messageLine(m))
	}
	line, err := (&encoders.JSON{}).Encode(nil, m)
	if err != nil {
		return err
	}
	if p.format == formatJSON {
		_, err = p.w.Write(line)
		return err
	}
	return p.printYAML(json.RawMessage(line))
}

// messageLine is a message as people read it: time, type, host, logger, payload,
// fields.
func messageLine(m *message.Message) string {
	var b strings.Builder
	b.WriteString(time.Unix(0, m.Timestamp).Local().Format("15:04:05.000"))
	for _, text := range []string{m.Type, m.Hostname, m.Logger} {
		if text == "" {
			text = "-"
		}
		b.WriteString("  " + text)
	}
	fmt.Fprintf(&b, "  severity=%d", m.Severity())
	for i := range m.Fields {
		f := &m.Fields[i]
		b.WriteString(" " + f.Name + "=")
		for j := range f.Len() {
			if j > 0 {
				b.WriteByte(',')
			}
			text := f.At(j).Text()
			if text == "" || strings.ContainsAny(text, " \t\n\"=,") {
				text = strconv.Quote(text)
			}
			b.WriteString(text)
		}
		if f.Representation != "" {
			b.WriteString(f.Representation)
		}
	}
	if m.Payload != "" {
		b.WriteString("  " + strconv.Quote(m.Payload))
	}
	return b.String()
}

// tapMessages calls take for each message that the daemon at address passes and
// expr matches, until ctx is done or take fails. The message is valid during the
// call. lost is how many the daemon says it left out.
func tapMessages(ctx context.Context, address, expr string, take func(*message.Message) error) (lost int64, err error) {
	if _, err := matcher.Parse(expr); err != nil {
		return 0, usageError{fmt.Sprintf("--matcher: %v", err)}
	}
	c, err := newClient(address)
	if err != nil {
		return 0, err
	}
	answer, err := c.open(ctx, http.MethodGet, "/api/v1/tap", url.Values{"matcher": {expr}, "format": {"frames"}})
	if err != nil {
		if ctx.Err() != nil {
			return 0, nil
		}
		return 0, err
	}
	defer answer.Body.Close()
	read := readTapLines
	if answer.Header.Get("Content-Type") == framesType {
		read = readTapFrames
	}
	var taken *takeError
	err = read(answer.Body, func(m *message.Message) error {
		if m.Type == tapLostType {
			if n, ok := m.Number(tapLostField); ok {
				lost = int64(n)
			}
			return nil
		}
		if err := take(m); err != nil {
			return &takeError{err}
		}
		return nil
	})
	switch {
	case errors.As(err, &taken):
		return lost, taken.error
	case ctx.Err() != nil:
		return lost, nil
	case err == nil:
		err = io.ErrUnexpectedEOF
	}
	return lost, &unreachableError{c.base, err}
}

// takeError marks the errors of who takes the messages.
type takeError struct{ error }

func readTapFrames(r io.Reader, take func(*message.Message) error) error {
	frames := message.NewFrameReader(r, message.FrameOptions{})
	var m message.Message
	for {
		payload, err := frames.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := m.Unmarshal(payload); err != nil {
			return err
		}
		if err := take(&m); err != nil {
			return err
		}
	}
}

func readTapLines(r io.Reader, take func(*message.Message) error) error {
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		m, err := parseTapLine(line)
		if err != nil {
			return err
		}
		if err := take(m); err != nil {
			return err
		}
	}
}

// parseTapLine reads the short form, whose timestamp is a text for people.
func parseTapLine(line []byte) (*message.Message, error) {
	var head struct {
		Timestamp time.Time `json:"timestamp"`
	}
	if err := json.Unmarshal(line, &head); err != nil {
		return nil, fmt.Errorf("read message: %w", err)
	}
	var parts map[string]json.RawMessage
	if err := json.Unmarshal(line, &parts); err != nil {
		return nil, fmt.Errorf("read message: %w", err)
	}
	parts["timestamp"] = json.RawMessage(strconv.FormatInt(head.Timestamp.UnixNano(), 10))
	exact, err := json.Marshal(parts)
	if err != nil {
		return nil, err
	}
	return parseMessage(exact, head.Timestamp)
}
