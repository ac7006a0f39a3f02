package encoders

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/tocsin-lma/tocsin/pkg/health"
	"github.com/tocsin-lma/tocsin/pkg/message"
)

// SensuConfig is the section of the status_sensu encoder.
type SensuConfig struct {
	SourceDimension     string `yaml:"sensu_source_dimension_key"` // field with the source of a cluster's result
	NotificationHandler string `yaml:"notification_handler"`
	NoopHandler         string `yaml:"noop_handler"`
	WatchdogTTL         int    `yaml:"watchdog_ttl"`   // seconds
	UnknownStatus       int    `yaml:"unknown_status"` // 2 (default) or 3
}

// DefaultSensuConfig returns the settings that hold when the model says nothing.
func DefaultSensuConfig() SensuConfig {
	return SensuConfig{NotificationHandler: "default", NoopHandler: "default", WatchdogTTL: 120, UnknownStatus: 2}
}

// Sensu makes check results for the socket of a Sensu client, a JSON object on a
// line each.
type Sensu struct {
	cfg SensuConfig
	opt Options
}

// NewSensu makes the encoder.
func NewSensu(cfg SensuConfig, opt Options) (*Sensu, error) {
	if cfg.UnknownStatus == 0 {
		cfg.UnknownStatus = 2
	}
	if cfg.UnknownStatus != 2 && cfg.UnknownStatus != 3 {
		return nil, fmt.Errorf("read unknown_status: %d: want 2 or 3", cfg.UnknownStatus)
	}
	if cfg.WatchdogTTL < 0 {
		return nil, fmt.Errorf("read watchdog_ttl: %d: want a number of seconds", cfg.WatchdogTTL)
	}
	return &Sensu{cfg: cfg, opt: opt}, nil
}

// verdict is what all encoders of statuses need of a message.
type verdict struct {
	member string
	status health.Status
	gse    bool
}

func readVerdict(m *message.Message) (verdict, error) {
	afd, gse := isStatus(m)
	if !afd && !gse {
		return verdict{}, fmt.Errorf("encode status: type %q is neither afd_metric nor gse_metric: %w", m.Type, message.ErrPermanent)
	}
	member, _ := m.Text("member")
	if member == "" {
		return verdict{}, fmt.Errorf("encode status: %s has no field member: %w", m.Type, message.ErrPermanent)
	}
	code, ok := m.Number("value")
	if !ok {
		return verdict{}, fmt.Errorf("encode status of member %s: no numeric field value: %w", member, message.ErrPermanent)
	}
	status, ok := health.FromCode(code)
	if !ok {
		return verdict{}, fmt.Errorf("encode status of member %s: %v is no status, want 0 to 4: %w", member, code, message.ErrPermanent)
	}
	return verdict{member: member, status: status, gse: gse}, nil
}

// Encode appends the check result of a verdict or of a watchdog.
func (e *Sensu) Encode(dst []byte, m *message.Message) ([]byte, error) {
	if plainType(m.Type) == "watchdog" {
		return e.watchdog(dst, m)
	}
	v, err := readVerdict(m)
	if err != nil {
		return dst, err
	}
	dst = appendString(append(dst, `{"name":`...), sensuName(v.member))
	dst = appendString(append(dst, `,"source":`...), sensuName(e.source(m, v)))
	status := v.status.Sensu()
	if v.status == health.Unknown {
		status = e.cfg.UnknownStatus
	}
	dst = strconv.AppendInt(append(dst, `,"status":`...), int64(status), 10)
	if handler := handlerOf(m, e.cfg.NotificationHandler, e.cfg.NoopHandler); handler != "" {
		dst = appendString(append(dst, `,"handler":`...), handler)
	}
	dst = appendString(append(dst, `,"output":`...), output(m, v, status))
	return e.end(dst), nil
}

func (e *Sensu) watchdog(dst []byte, m *message.Message) ([]byte, error) {
	if m.Payload == "" {
		return dst, errors.Join(errors.New("encode watchdog: its payload names no service"), message.ErrPermanent)
	}
	dst = appendString(append(dst, `{"name":`...), sensuName("watchdog_"+m.Payload))
	dst = appendString(append(dst, `,"source":`...), sensuName(m.Hostname))
	dst = strconv.AppendInt(append(dst, `,"status":0,"ttl":`...), int64(e.cfg.WatchdogTTL), 10)
	return e.end(append(dst, `,"output":"OKAY: "`...)), nil
}

func (e *Sensu) end(dst []byte) []byte {
	if dst = append(dst, '}'); e.opt.Bare {
		return dst
	}
	return append(dst, '\n')
}

func (e *Sensu) source(m *message.Message, v verdict) string {
	if v.gse {
		source, _ := m.Text(e.cfg.SourceDimension)
		return source
	}
	if host, _ := m.Text("hostname"); host != "" {
		return host
	}
	return m.Hostname
}

// handlerOf names who takes the event of a verdict: nobody without alerting, and
// without notification the one that does nothing.
func handlerOf(m *message.Message, notification, noop string) string {
	if on, _ := m.Bool("alerting_enabled"); !on {
		return ""
	}
	if on, _ := m.Bool("notification_enabled"); !on {
		return noop
	}
	if own, _ := m.Text("notification_handler"); own != "" {
		return own
	}
	return notification
}

func output(m *message.Message, v verdict, status int) string {
	text := v.status.Label() + ": "
	if status == 0 {
		return text
	}
	lines := AlarmLines(m.Payload)
	if len(lines) == 0 {
		lines = []string{"No details"}
	}
	for _, line := range lines {
		text += line + "\n"
	}
	return text
}

// sensuName makes s a name Sensu accepts: letters, digits, `_`, `.`, `-`.
func sensuName(s string) string {
	if s == "" {
		return "unknown"
	}
	b := []byte(s)
	for i, c := range b {
		if !alphanumeric(c) && c != '_' && c != '.' && c != '-' {
			b[i] = '_'
		}
	}
	return string(b)
}

func alphanumeric(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}
