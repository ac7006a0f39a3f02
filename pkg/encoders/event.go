package encoders

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/tocsin-lma/tocsin/pkg/health"
	"github.com/tocsin-lma/tocsin/pkg/message"
)

// EventConfig is the section of the event encoder.
type EventConfig struct {
	OnChange            bool          `yaml:"on_change"` // only when the status differs from the last one (default true)
	Repeat              time.Duration `yaml:"repeat"`    // with on_change: again after so long while not OKAY; 0: never
	NotificationHandler string        `yaml:"notification_handler"`
	NoopHandler         string        `yaml:"noop_handler"` // where alerting is on and notification off
	WatchdogTTL         int           `yaml:"watchdog_ttl"` // seconds
	// MaxEvents bounds how many members and clusters are remembered. Those beyond
	// are written whenever they are not OKAY.
	MaxEvents int `yaml:"max_events"`
}

// DefaultEventConfig returns the settings that hold when the model says nothing.
func DefaultEventConfig() EventConfig {
	return EventConfig{OnChange: true, NotificationHandler: "default", NoopHandler: "default", WatchdogTTL: 120, MaxEvents: 100000}
}

// Event makes the events of package outputs/event, a JSON object on a line each:
// of every verdict, or of those that change a status. A first sighting that is
// OKAY makes none. A watchdog always makes one, for its arrival is its meaning.
//
// Time is that of the messages, so that a recorded input gives the same events.
type Event struct {
	cfg  EventConfig
	opt  Options
	last map[eventKey]eventState
}

type eventKey struct{ kind, name, host string }

type eventState struct {
	status  health.Status
	written int64 // timestamp of the last event
}

// NewEvent makes the encoder.
func NewEvent(cfg EventConfig, opt Options) (*Event, error) {
	switch {
	case cfg.Repeat < 0:
		return nil, fmt.Errorf("read repeat: %s: want a duration, 0 for never", cfg.Repeat)
	case cfg.WatchdogTTL < 0:
		return nil, fmt.Errorf("read watchdog_ttl: %d: want a number of seconds", cfg.WatchdogTTL)
	case cfg.MaxEvents <= 0:
		return nil, fmt.Errorf("read max_events: %d: want a number above 0", cfg.MaxEvents)
	}
	return &Event{cfg: cfg, opt: opt, last: map[eventKey]eventState{}}, nil
}

// Encode appends the event of a verdict or of a watchdog.
func (e *Event) Encode(dst []byte, m *message.Message) ([]byte, error) {
	if plainType(m.Type) == "watchdog" {
		if m.Payload == "" {
			return dst, fmt.Errorf("encode watchdog: its payload names no service: %w", message.ErrPermanent)
		}
		dst = e.append(dst, m, "watchdog_"+m.Payload, m.Hostname, health.Okay)
		dst = strconv.AppendInt(append(dst, `,"text":"","ttl":`...), int64(e.cfg.WatchdogTTL), 10)
		return e.end(append(dst, `,"handler":"","dimensions":{}`...)), nil
	}
	v, err := readVerdict(m)
	if err != nil {
		return dst, err
	}
	host, _ := m.Text("hostname")
	if host == "" && !v.gse {
		host = m.Hostname
	}
	if e.cfg.OnChange && !e.news(eventKey{plainType(m.Type), v.member, host}, v.status, m.Timestamp) {
		return dst, nil
	}
	dst = e.append(dst, m, v.member, host, v.status)
	dst = appendString(append(dst, `,"text":`...), strings.Join(AlarmLines(m.Payload), "\n"))
	dst = appendString(append(dst, `,"ttl":0,"handler":`...), handlerOf(m, e.cfg.NotificationHandler, e.cfg.NoopHandler))
	return e.end(appendDimensions(append(dst, `,"dimensions":`...), m)), nil
}

// news remembers a status and reports whether it is to be written.
func (e *Event) news(key eventKey, status health.Status, now int64) bool {
	before, known := e.last[key]
	switch {
	case !known && len(e.last) >= e.cfg.MaxEvents:
		return status != health.Okay
	case !known:
		key = eventKey{strings.Clone(key.kind), strings.Clone(key.name), strings.Clone(key.host)}
		e.last[key] = eventState{status, now}
		return status != health.Okay
	case status != before.status:
	case e.cfg.Repeat == 0 || status == health.Okay || now-before.written < int64(e.cfg.Repeat):
		return false
	}
	e.last[key] = eventState{status, now}
	return true
}

func (e *Event) append(dst []byte, m *message.Message, name, host string, status health.Status) []byte {
	dst = m.UUID.AppendText(append(dst, `{"id":"`...))
	dst = appendExact(append(dst, `","time":"`...), civilOf(m.Timestamp))
	dst = appendString(append(dst, `Z","name":`...), name)
	dst = appendString(append(dst, `,"host":`...), host)
	dst = strconv.AppendInt(append(dst, `,"status":`...), int64(status), 10)
	return appendString(append(dst, `,"label":`...), status.Label())
}

func (e *Event) end(dst []byte) []byte {
	if dst = append(dst, '}'); e.opt.Bare {
		return dst
	}
	return append(dst, '\n')
}

// appendDimensions appends what tag_fields names, without the name and the host
// of the event.
func appendDimensions(dst []byte, m *message.Message) []byte {
	dst = append(dst, '{')
	names := m.Field("tag_fields")
	if names == nil {
		return append(dst, '}')
	}
	seen := make(map[string]bool, names.Len())
	for i := range names.Len() {
		name := names.At(i).Str()
		value, ok := m.Text(name)
		if !ok || seen[name] || name == "member" || name == "hostname" {
			continue
		}
		if len(seen) > 0 {
			dst = append(dst, ',')
		}
		seen[name] = true
		dst = appendString(append(appendString(dst, name), ':'), value)
	}
	return append(dst, '}')
}
