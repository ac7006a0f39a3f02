package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/tocsin-lma/tocsin/pkg/message"
	"github.com/tocsin-lma/tocsin/pkg/outputs/tcp"
	"github.com/tocsin-lma/tocsin/pkg/tlsconfig"
)

const sendHelp = `Usage: tocsin send [FLAGS] [--] [-]

Sends messages to a daemon over framed TCP and waits until it has confirmed them.
With "-", or without --type, messages are read from the standard input: one JSON
object a line, as tap, record and 'plugin run' write them.

Flags:
  --address HOST:PORT  the listener (default 127.0.0.1:5565, the aggregator;
                       a metriccollector listens on 5567)
  --type TYPE          the type of one message made of flags
  --logger, --hostname, --payload TEXT
  --severity N         0 (emergency) to 7 (debug)
  --field NAME=VALUE   a field; may be repeated. A number becomes a double, true
                       and false booleans; NAME:=TEXT is always text
  --count N            send it N times, each with an identity of its own
  --ack=false          do not wait for a confirmation: Heka sends none
  --root-ca FILE       use TLS and trust this authority
  --cert FILE --key FILE
                       use TLS and show this certificate
  --output FORMAT      table, json or yaml

Examples:
  tocsin send --type metric --field name=cpu_idle --field value=3 --address 127.0.0.1:5567
  tocsin send --type afd_metric --field member=disk --field hostname=cmp001 --field value=3 --payload '{"alarms":[]}'
  tocsin tap -n 10 --output json | tocsin send --address other:5565
`

// sendBatch is how many bytes go between two confirmations.
const sendBatch = 256 << 10

// sendFlags are the flags that make one message, and the connection's.
type sendFlags struct {
	*tool
	m        message.Message
	severity int
	fields   list
	count    int
	ack      bool
	tls      tlsconfig.Config
}

func runSend(ctx context.Context, std streams, args []string) int {
	f := &sendFlags{tool: newTool(std, "send", sendHelp)}
	f.set.StringVar(&f.address, "address", "127.0.0.1:5565", "")
	f.set.StringVar(&f.m.Type, "type", "", "")
	f.set.StringVar(&f.m.Logger, "logger", "", "")
	f.set.StringVar(&f.m.Hostname, "hostname", "", "")
	f.set.StringVar(&f.m.Payload, "payload", "", "")
	f.set.IntVar(&f.severity, "severity", -1, "")
	f.set.Var(&f.fields, "field", "")
	f.set.IntVar(&f.count, "count", 1, "")
	f.set.BoolVar(&f.ack, "ack", true, "")
	f.set.StringVar(&f.tls.RootCAFile, "root-ca", "", "")
	f.set.StringVar(&f.tls.CertFile, "cert", "", "")
	f.set.StringVar(&f.tls.KeyFile, "key", "", "")
	if code, done := f.parse(args, 0, 1); done {
		return code
	}
	cfg := tcp.DefaultConfig()
	cfg.Address, cfg.Ack = f.address, f.ack
	if f.tls.RootCAFile != "" || f.tls.CertFile != "" || f.tls.KeyFile != "" {
		cfg.TLS = &f.tls
	}
	out, err := tcp.New(cfg)
	if err != nil {
		return f.end(usageError{err.Error()})
	}
	defer out.Close()
	s := &sender{ctx: ctx, out: out, address: f.address}
	if f.m.Type != "" && len(f.args) == 0 {
		err = f.sendOne(s)
	} else {
		err = f.sendInput(s)
	}
	if err == nil {
		err = s.flush()
	}
	if err != nil {
		return f.end(err)
	}
	sent := map[string]any{"sent": s.sent, "confirmed": f.ack}
	return f.end(f.printer().print(sent, func(p *printer) error {
		return p.printf("sent %d %s to %s\n", s.sent, plural(s.sent, "message", "messages"), f.address)
	}))
}

// sender gathers frames and sends them in batches.
type sender struct {
	ctx     context.Context
	out     *tcp.Output
	address string
	batch   []byte
	held    int // messages in batch
	sent    int
}

func (s *sender) add(m *message.Message) error {
	s.batch = message.AppendFramed(s.batch, m)
	s.held++
	if len(s.batch) < sendBatch {
		return nil
	}
	return s.flush()
}

func (s *sender) flush() error {
	if s.held == 0 {
		return nil
	}
	if err := s.out.Send(s.ctx, s.batch); err != nil {
		if _, isNet := errors.AsType[net.Error](err); isNet || errors.Is(err, io.EOF) {
			return &unreachableError{s.address, err}
		}
		return fmt.Errorf("%w (%d messages were confirmed before)", err, s.sent)
	}
	s.sent += s.held
	s.batch, s.held = s.batch[:0], 0
	return nil
}

// sendOne sends the message of the flags.
func (f *sendFlags) sendOne(s *sender) error {
	m := &f.m
	if f.severity > 7 || f.severity < -1 {
		return usageError{fmt.Sprintf("--severity is %d; it may be 0 to 7", f.severity)}
	}
	if f.severity >= 0 {
		m.SetSeverity(int32(f.severity))
	}
	if m.Hostname == "" {
		m.Hostname, _ = os.Hostname()
	}
	for _, text := range f.fields {
		field, err := parseField(text)
		if err != nil {
			return err
		}
		m.AddField(field)
	}
	for range f.count {
		m.UUID, m.Timestamp = message.NewUUID(), time.Now().UnixNano()
		if err := s.add(m); err != nil {
			return err
		}
	}
	return nil
}

// parseField reads NAME=VALUE and NAME:=TEXT.
func parseField(text string) (message.Field, error) {
	name, value, ok := strings.Cut(text, "=")
	if !ok || name == "" || name == ":" {
		return message.Field{}, usageError{fmt.Sprintf("--field is %q; write NAME=VALUE", text)}
	}
	if plain, isText := strings.CutSuffix(name, ":"); isText {
		return message.NewField(plain, "", message.StringValue(value)), nil
	}
	if v, err := strconv.ParseFloat(value, 64); err == nil {
		return message.NewField(name, "", message.DoubleValue(v)), nil
	}
	if value == "true" || value == "false" {
		return message.NewField(name, "", message.BoolValue(value == "true")), nil
	}
	return message.NewField(name, "", message.StringValue(value)), nil
}

// sendInput sends the messages of the standard input.
func (f *sendFlags) sendInput(s *sender) error {
	if len(f.args) == 1 && f.args[0] != "-" {
		return usageError{fmt.Sprintf("unexpected argument %q; messages come from the standard input (-)", f.args[0])}
	}
	return eachLine(f.std.in, func(n int, line []byte) error {
		m, err := parseMessage(json.RawMessage(line), time.Now())
		if err != nil {
			return fmt.Errorf("read message in line %d: %w", n, err)
		}
		if m.Type == "" {
			return fmt.Errorf("read message in line %d: the type is missing; a line looks like {\"type\":\"metric\",\"fields\":{\"name\":\"x\",\"value\":1}}", n)
		}
		return s.add(m)
	})
}

// maxLine bounds a line of a file of messages.
const maxLine = 64 << 20

// eachLine calls do for every line that is not empty, with its number from 1.
func eachLine(r io.Reader, do func(n int, line []byte) error) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLine)
	n := 1
	for ; lines.Scan(); n++ {
		line := bytes.TrimSpace(lines.Bytes())
		if len(line) == 0 {
			continue
		}
		if err := do(n, line); err != nil {
			return err
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read line %d: %w", n, err)
	}
	return nil
}
