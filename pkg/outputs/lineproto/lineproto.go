// Package lineproto reads InfluxDB's line protocol, for the outputs that send
// metrics in another form.
//
// Invariant: names, tags and values come out with their escapes resolved; a line
// that is damaged gives an error and nothing else.
package lineproto

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/tocsin-lma/tocsin/pkg/message"
)

// Pair is a tag.
type Pair struct{ Name, Value string }

// Field is a value. Text is set when it is no number.
type Field struct {
	Name   string
	Number float64
	Text   string
	IsText bool
}

// Point is one line.
type Point struct {
	Name   string
	Tags   []Pair
	Fields []Field
	Time   int64 // in the unit of the writer; 0: absent
}

// Parse reads one line, without its line feed, into p, whose memory it uses again.
// Booleans are read as 1 and 0. Its errors wrap message.ErrPermanent.
func Parse(line string, p *Point) error {
	p.Tags, p.Fields, p.Time = p.Tags[:0], p.Fields[:0], 0
	head, rest := split(line, ' ', false)
	var tags string
	p.Name, tags = split(head, ',', false)
	p.Name = unescape(p.Name)
	for tags != "" {
		var tag string
		tag, tags = split(tags, ',', false)
		name, value := split(tag, '=', false)
		if name == "" || value == "" {
			return failed(line, "tag "+strconv.Quote(tag))
		}
		p.Tags = append(p.Tags, Pair{unescape(name), unescape(value)})
	}
	fields, when := split(rest, ' ', true)
	if p.Name == "" || fields == "" {
		return failed(line, "no name or no fields")
	}
	for fields != "" {
		var text string
		text, fields = split(fields, ',', true)
		name, value := split(text, '=', true)
		f := Field{Name: unescape(name)}
		if name == "" || !f.read(value) {
			return failed(line, "field "+strconv.Quote(text))
		}
		p.Fields = append(p.Fields, f)
	}
	if when != "" {
		var err error
		if p.Time, err = strconv.ParseInt(strings.TrimSpace(when), 10, 64); err != nil {
			return failed(line, "time "+strconv.Quote(when))
		}
	}
	return nil
}

func failed(line, what string) error {
	return fmt.Errorf("read line %.80q: %w: %s", line, message.ErrPermanent, what)
}

func (f *Field) read(value string) bool {
	switch {
	case value == "":
		return false
	case value[0] == '"':
		if len(value) < 2 || value[len(value)-1] != '"' {
			return false
		}
		f.IsText = true
		f.Text = strings.NewReplacer(`\"`, `"`, `\\`, `\`).Replace(value[1 : len(value)-1])
		return true
	}
	switch value {
	case "t", "T", "true", "True", "TRUE":
		f.Number = 1
		return true
	case "f", "F", "false", "False", "FALSE":
		return true
	}
	if last := value[len(value)-1]; last == 'i' || last == 'u' {
		value = value[:len(value)-1]
	}
	var err error
	f.Number, err = strconv.ParseFloat(value, 64)
	return err == nil
}

// split cuts at the first sep that is not escaped nor, if quotes count, quoted.
func split(s string, sep byte, quotes bool) (before, after string) {
	quoted := false
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\':
			i++
		case quotes && s[i] == '"':
			quoted = !quoted
		case s[i] == sep && !quoted:
			return s[:i], s[i+1:]
		}
	}
	return s, ""
}

func unescape(s string) string {
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) && strings.IndexByte(`, =\`, s[i+1]) >= 0 {
			i++
		}
		out = append(out, s[i])
	}
	return string(out)
}
