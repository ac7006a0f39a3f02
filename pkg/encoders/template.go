package encoders

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/tocsin-lma/tocsin/pkg/message"
)

// template is a text with %{...} parts: the name of a header, the name of a
// field, or a date such as %Y.%m.%d of the message's time.
type template struct {
	parts []templatePart
	daily bool // its text depends on the type and the day only
}

type templatePart struct {
	text   string
	header string // "" : text or field
	field  string
	date   string
}

func parseTemplate(s string) (template, error) {
	t := template{daily: true}
	for rest := s; rest != ""; {
		start := strings.Index(rest, "%{")
		if start < 0 {
			t.parts = append(t.parts, templatePart{text: rest})
			break
		}
		if start > 0 {
			t.parts = append(t.parts, templatePart{text: rest[:start]})
		}
		end := strings.IndexByte(rest[start:], '}')
		if end < 0 {
			return t, fmt.Errorf("read template %q: %%{ without }", s)
		}
		name := rest[start+2 : start+end]
		rest = rest[start+end+1:]
		if err := t.add(name); err != nil {
			return t, fmt.Errorf("read template %q: %w", s, err)
		}
	}
	return t, nil
}

func (t *template) add(name string) error {
	if strings.Contains(name, "%") {
		if bad := strings.Trim(strings.NewReplacer("%Y", "", "%y", "", "%m", "", "%d", "", "%j", "").Replace(name), "."); strings.Contains(bad, "%") {
			t.daily = false
		}
		for i := 0; i < len(name)-1; i++ {
			if name[i] == '%' && !strings.ContainsRune("YymdjHMSFT%", rune(name[i+1])) {
				return fmt.Errorf("%%%c is no date part; use %%Y %%m %%d %%H %%M %%S %%j %%y %%F %%T", name[i+1])
			}
		}
		t.parts = append(t.parts, templatePart{date: name})
		return nil
	}
	switch name {
	case "Type":
		t.parts = append(t.parts, templatePart{header: name})
		return nil
	case "Logger", "Hostname", "Payload", "EnvVersion", "Pid", "Severity", "UUID", "Uuid":
		t.parts = append(t.parts, templatePart{header: name})
	default:
		name = strings.TrimSuffix(strings.TrimPrefix(name, "Fields["), "]")
		t.parts = append(t.parts, templatePart{field: name})
	}
	t.daily = false
	return nil
}

func (t *template) append(dst []byte, m *message.Message) []byte {
	for _, p := range t.parts {
		switch {
		case p.date != "":
			dst = appendDate(dst, p.date, m.Timestamp)
		case p.header != "":
			dst = appendHeader(dst, p.header, m)
		case p.field != "":
			if s, ok := m.Text(p.field); ok {
				dst = append(dst, s...)
			}
		default:
			dst = append(dst, p.text...)
		}
	}
	return dst
}

func appendHeader(dst []byte, name string, m *message.Message) []byte {
	switch name {
	case "Type":
		return append(dst, plainType(m.Type)...)
	case "Logger":
		return append(dst, m.Logger...)
	case "Hostname":
		return append(dst, m.Hostname...)
	case "Payload":
		return append(dst, m.Payload...)
	case "EnvVersion":
		return append(dst, m.EnvVersion...)
	case "Pid":
		return strconv.AppendInt(dst, int64(m.PID()), 10)
	case "Severity":
		return strconv.AppendInt(dst, int64(m.Severity()), 10)
	}
	return m.UUID.AppendText(dst)
}

func appendDate(dst []byte, format string, ns int64) []byte {
	c := civilOf(ns)
	for i := 0; i < len(format); i++ {
		if format[i] != '%' || i+1 == len(format) {
			dst = append(dst, format[i])
			continue
		}
		i++
		switch format[i] {
		case 'Y':
			dst = append4(dst, c.year)
		case 'y':
			dst = append2(dst, c.year%100)
		case 'm':
			dst = append2(dst, c.month)
		case 'd':
			dst = append2(dst, c.day)
		case 'H':
			dst = append2(dst, c.hour)
		case 'M':
			dst = append2(dst, c.minute)
		case 'S':
			dst = append2(dst, c.sec)
		case 'F':
			dst = appendDate(dst, "%Y-%m-%d", ns)
		case 'T':
			dst = appendDate(dst, "%H:%M:%S", ns)
		case 'j':
			day := time.Unix(0, ns).UTC().YearDay()
			dst = append(dst, byte('0'+day/100), byte('0'+day/10%10), byte('0'+day%10))
		default:
			dst = append(dst, format[i])
		}
	}
	return dst
}
