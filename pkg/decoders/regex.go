package decoders

import (
	"fmt"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/tocsin-lma/tocsin/pkg/message"
	"github.com/tocsin-lma/tocsin/pkg/sandbox/logtime"
)

// RegexConfig configures a PayloadRegex decoder, with the keys of Heka's
// PayloadRegexDecoder.
type RegexConfig struct {
	MatchRegex        string            `yaml:"match_regex"`
	SeverityMap       map[string]int    `yaml:"severity_map"`
	MessageFields     map[string]string `yaml:"message_fields"` // templates with %Capture%
	TimestampLayout   string            `yaml:"timestamp_layout"`
	TimestampLocation string            `yaml:"timestamp_location"`
	LogErrors         bool              `yaml:"log_errors"`
}

// PayloadRegex decodes by one regular expression with named groups. The groups
// Timestamp and Severity set the headers; templates do the rest.
type PayloadRegex struct {
	cfg      RegexConfig
	re       *regexp.Regexp
	names    []string
	location *time.Location
	layout   string
	targets  []regexTarget
	msg      message.Message
	clock    func() time.Time
}

// regexTarget is one entry of message_fields: its pieces are literal text and,
// between them, groups by number.
type regexTarget struct {
	name, representation string
	literals             []string
	groups               []int
}

// NewPayloadRegex compiles the expression and the templates.
func NewPayloadRegex(cfg RegexConfig, clock func() time.Time) (*PayloadRegex, error) {
	re, err := regexp.Compile(cfg.MatchRegex)
	if err != nil {
		return nil, fmt.Errorf("compile match_regex: %w", err)
	}
	if re.NumSubexp() == 0 {
		return nil, fmt.Errorf("match_regex %q has no capture group; name one, like (?P<Message>.*)", cfg.MatchRegex)
	}
	d := &PayloadRegex{cfg: cfg, re: re, names: re.SubexpNames(), location: time.UTC, clock: clock, layout: namedLayout(cfg.TimestampLayout)}
	if cfg.TimestampLocation != "" {
		if d.location, err = time.LoadLocation(cfg.TimestampLocation); err != nil {
			return nil, fmt.Errorf("read timestamp_location: %w", err)
		}
	}
	keys := make([]string, 0, len(cfg.MessageFields))
	for key := range cfg.MessageFields {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	for _, key := range keys {
		d.targets = append(d.targets, d.target(key, cfg.MessageFields[key]))
	}
	return d, nil
}

// namedLayout maps the layout names of Go's time package to layouts.
func namedLayout(name string) string {
	layouts := map[string]string{
		"ANSIC": time.ANSIC, "UnixDate": time.UnixDate, "RubyDate": time.RubyDate, "RFC822": time.RFC822,
		"RFC822Z": time.RFC822Z, "RFC850": time.RFC850, "RFC1123": time.RFC1123, "RFC1123Z": time.RFC1123Z,
		"RFC3339": time.RFC3339, "RFC3339Nano": time.RFC3339Nano, "Kitchen": time.Kitchen,
		"Stamp": time.Stamp, "StampMilli": time.StampMilli, "StampMicro": time.StampMicro, "StampNano": time.StampNano,
	}
	if layout, ok := layouts[name]; ok {
		return layout
	}
	return name
}

// target splits a template. A key may name a representation: `size|B`.
func (d *PayloadRegex) target(key, template string) regexTarget {
	t := regexTarget{name: key}
	if name, representation, ok := strings.Cut(key, "|"); ok {
		t.name, t.representation = name, representation
	}
	rest, literal := template, ""
	for {
		before, after, found := strings.Cut(rest, "%")
		if !found {
			break
		}
		name, tail, closed := strings.Cut(after, "%")
		group := d.re.SubexpIndex(name)
		if !closed || group < 0 {
			literal += before + "%"
			rest = after
			continue
		}
		t.literals = append(t.literals, literal+before)
		t.groups = append(t.groups, group)
		literal, rest = "", tail
	}
	t.literals = append(t.literals, literal+rest)
	return t
}

func (t *regexTarget) text(subject string, at []int) string {
	if len(t.groups) == 1 && t.literals[0] == "" && t.literals[1] == "" {
		return group(subject, at, t.groups[0])
	}
	var b strings.Builder
	for i, g := range t.groups {
		b.WriteString(t.literals[i])
		b.WriteString(group(subject, at, g))
	}
	b.WriteString(t.literals[len(t.groups)])
	return b.String()
}

func group(subject string, at []int, n int) string {
	if at[2*n] < 0 {
		return ""
	}
	return subject[at[2*n]:at[2*n+1]]
}

// Decode implements Decoder.
func (d *PayloadRegex) Decode(raw *message.Message, emit message.Emit) error {
	at := d.re.FindStringSubmatchIndex(raw.Payload)
	if at == nil {
		return Reject("match_regex does not match a record of %s: %q", raw.Logger, raw.Payload[:min(len(raw.Payload), 64)])
	}
	m := &d.msg
	fields := m.Fields[:0]
	*m = *raw
	m.Fields = append(fields, raw.Fields...)
	for i, name := range d.names {
		switch name {
		case "Timestamp":
			ns, err := d.time(group(raw.Payload, at, i))
			if err != nil {
				return Reject("decode a record of %s: %w", raw.Logger, err)
			}
			m.Timestamp = ns
		case "Severity":
			if err := d.severity(m, group(raw.Payload, at, i)); err != nil {
				return Reject("decode a record of %s: %w", raw.Logger, err)
			}
		}
	}
	for i := range d.targets {
		if err := d.set(m, &d.targets[i], d.targets[i].text(raw.Payload, at)); err != nil {
			return Reject("decode a record of %s: %w", raw.Logger, err)
		}
	}
	return emit(m)
}

func (d *PayloadRegex) time(text string) (int64, error) {
	switch d.layout {
	case "":
		if t, ok := logtime.Parse(text, d.clock, d.location); ok {
			return t.NS, nil
		}
		return 0, fmt.Errorf("read timestamp %q: unknown form; set timestamp_layout", text)
	case "Epoch", "EpochMilli", "EpochMicro", "EpochNano":
		unit := map[string]float64{"Epoch": 1e9, "EpochMilli": 1e6, "EpochMicro": 1e3, "EpochNano": 1}[d.layout]
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			return n * int64(unit), nil
		}
		f, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return 0, fmt.Errorf("read timestamp %q: %w", text, err)
		}
		return int64(f * unit), nil
	}
	t, err := time.ParseInLocation(d.layout, text, d.location)
	if err != nil {
		return 0, fmt.Errorf("read timestamp: %w", err)
	}
	if t.Year() == 0 {
		t = thisYear(t, d.clock())
	}
	return t.UnixNano(), nil
}

// thisYear gives a time without a year the current one, or the one before when
// it would lie more than a day ahead.
func thisYear(t, now time.Time) time.Time {
	t = t.AddDate(now.In(t.Location()).Year(), 0, 0)
	if t.After(now.Add(24 * time.Hour)) {
		t = t.AddDate(-1, 0, 0)
	}
	return t
}

func (d *PayloadRegex) severity(m *message.Message, text string) error {
	if n, ok := d.cfg.SeverityMap[text]; ok {
		m.SetSeverity(int32(n))
		return nil
	}
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil {
		return fmt.Errorf("read severity %q: neither in severity_map nor a number", text)
	}
	m.SetSeverity(int32(n))
	return nil
}

// set writes one header or adds one field.
func (d *PayloadRegex) set(m *message.Message, t *regexTarget, text string) error {
	switch t.name {
	case "Type":
		m.Type = text
	case "Logger":
		m.Logger = text
	case "Payload":
		m.Payload = text
	case "Hostname":
		m.Hostname = text
	case "EnvVersion":
		m.EnvVersion = text
	case "Uuid":
		u, err := message.ParseUUID(text)
		if err != nil {
			return err
		}
		m.UUID = u
	case "Timestamp":
		ns, err := d.time(text)
		if err != nil {
			return err
		}
		m.Timestamp = ns
	case "Severity":
		return d.severity(m, text)
	case "Pid":
		n, err := strconv.ParseInt(text, 10, 32)
		if err != nil {
			return fmt.Errorf("read pid %q: %w", text, err)
		}
		m.SetPID(int32(n))
	default:
		m.AddField(message.NewField(t.name, t.representation, message.StringValue(text)))
	}
	return nil
}
