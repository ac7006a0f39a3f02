package encoders

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/tocsin-lma/tocsin/pkg/message"
)

// NagiosConfig is the section of the status_nagios encoder.
type NagiosConfig struct {
	HostDimension   string `yaml:"nagios_host_dimension_key"` // field with the host; unset: the message's host
	DefaultHost     string `yaml:"default_nagios_host"`       // when that field is absent
	SuffixDimension string `yaml:"host_suffix_dimension_key"` // field whose text follows the host after a dot
	TruncateSize    int    `yaml:"truncate_size"`             // bytes of plugin_output
}

// DefaultNagiosConfig returns the settings that hold when the model says nothing.
func DefaultNagiosConfig() NagiosConfig {
	return NagiosConfig{DefaultHost: "00-clusters", TruncateSize: 3072}
}

// nagiosBreak is the line break of Nagios' plugin output: two characters.
const nagiosBreak = `\n`

// Nagios makes the forms of passive check results, on a line each.
type Nagios struct {
	cfg NagiosConfig
	opt Options
}

// NewNagios makes the encoder.
func NewNagios(cfg NagiosConfig, opt Options) (*Nagios, error) {
	if cfg.TruncateSize == 0 {
		cfg.TruncateSize = DefaultNagiosConfig().TruncateSize
	}
	if cfg.TruncateSize < 0 {
		return nil, fmt.Errorf("read truncate_size: %d: want a number of bytes", cfg.TruncateSize)
	}
	if cfg.DefaultHost == "" {
		cfg.DefaultHost = DefaultNagiosConfig().DefaultHost
	}
	return &Nagios{cfg: cfg, opt: opt}, nil
}

// Encode appends the form of a verdict.
func (e *Nagios) Encode(dst []byte, m *message.Message) ([]byte, error) {
	v, err := readVerdict(m)
	if err != nil {
		return dst, err
	}
	details := []string{v.member + " " + v.status.Label()}
	if lines := AlarmLines(m.Payload); len(lines) > 0 {
		details = append(details, lines...)
	} else {
		details = append(details, "no details")
	}
	text := cutAt(strings.Join(details, nagiosBreak), e.cfg.TruncateSize)
	dst = appendForm(append(dst, "cmd_typ=30&cmd_mod=2&host="...), e.host(m))
	dst = appendForm(append(dst, "&service="...), v.member)
	dst = strconv.AppendInt(append(dst, "&plugin_state="...), int64(v.status.Nagios()), 10)
	dst = appendForm(append(dst, "&plugin_output="...), text)
	dst = append(dst, "&performance_data="...)
	if e.opt.Bare {
		return dst, nil
	}
	return append(dst, '\n'), nil
}

func (e *Nagios) host(m *message.Message) string {
	var host string
	if e.cfg.HostDimension != "" {
		if host, _ = m.Text(e.cfg.HostDimension); host == "" {
			host = e.cfg.DefaultHost
		}
	} else if host, _ = m.Text("hostname"); host == "" {
		host = m.Hostname
	}
	if e.cfg.SuffixDimension != "" {
		if suffix, _ := m.Text(e.cfg.SuffixDimension); suffix != "" {
			host += "." + suffix
		}
	}
	return host
}

// cutAt shortens a text over limit bytes: at the last line break that begins at
// or before the limit, or else at the limit itself, within no character.
func cutAt(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	if i := strings.LastIndex(text[:min(len(text), limit+len(nagiosBreak))], nagiosBreak); i >= 0 {
		return text[:i]
	}
	for limit > 0 && !utf8.RuneStart(text[limit]) {
		limit--
	}
	return text[:limit]
}

// appendForm appends s in the encoding of forms: letters, digits and -_.~ as they
// are, a blank as +, anything else as %XX.
func appendForm(dst []byte, s string) []byte {
	const upper = "0123456789ABCDEF"
	for i := range len(s) {
		switch c := s[i]; {
		case alphanumeric(c) || c == '-' || c == '_' || c == '.' || c == '~':
			dst = append(dst, c)
		case c == ' ':
			dst = append(dst, '+')
		default:
			dst = append(dst, '%', upper[c>>4], upper[c&15])
		}
	}
	return dst
}
