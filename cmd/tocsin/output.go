package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/tocsin-lma/tocsin/pkg/health"
)

// The formats of --output.
const (
	formatTable = "table"
	formatJSON  = "json"
	formatYAML  = "yaml"
)

// printer writes results in the format that --output asks for.
type printer struct {
	w      io.Writer
	format string
	colour bool
	lines  bool // JSON in one line each, for what has no end
}

func newPrinter(w io.Writer, format string) *printer {
	return &printer{w: w, format: format, colour: isTerminal(w) && os.Getenv("NO_COLOR") == ""}
}

// isTerminal reports whether a person looks at w.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// print writes v as JSON or YAML, or what table writes.
func (p *printer) print(v any, table func(p *printer) error) error {
	switch p.format {
	case formatJSON:
		enc := json.NewEncoder(p.w)
		enc.SetEscapeHTML(false)
		if !p.lines {
			enc.SetIndent("", "  ")
		}
		return enc.Encode(v)
	case formatYAML:
		return p.printYAML(v)
	}
	return table(p)
}

// printYAML goes by way of JSON, so that both formats have the same names.
func (p *printer) printYAML(v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	var node yaml.Node
	if err := yaml.Unmarshal(text, &node); err != nil {
		return err
	}
	blockStyle(&node)
	out, err := yaml.Marshal(&node)
	if err != nil {
		return err
	}
	if p.lines {
		out = append([]byte("---\n"), out...)
	}
	_, err = p.w.Write(out)
	return err
}

// blockStyle undoes the brackets and quotes that JSON has.
func blockStyle(n *yaml.Node) {
	if n.Kind != yaml.ScalarNode || n.Tag != "!!str" {
		n.Style = 0
	} else if n.Style = 0; strings.ContainsAny(n.Value, "\n") {
		n.Style = yaml.LiteralStyle
	}
	for _, child := range n.Content {
		blockStyle(child)
	}
}

// printf writes text of a table format.
func (p *printer) printf(format string, args ...any) error {
	_, err := fmt.Fprintf(p.w, format, args...)
	return err
}

// table is rows of cells under a header. A cell that is a status gets its colour.
type table struct {
	header []string
	rows   [][]string
}

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

// table writes t in columns two spaces apart; the last column is as wide as it
// likes.
func (p *printer) table(t *table) error {
	widths := make([]int, len(t.header))
	for _, row := range append([][]string{t.header}, t.rows...) {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	var b strings.Builder
	for _, row := range append([][]string{t.header}, t.rows...) {
		for i, cell := range row {
			b.WriteString(p.paint(cell))
			if i < len(row)-1 {
				b.WriteString(strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)+2))
			}
		}
		line := strings.TrimRight(b.String(), " ")
		if _, err := io.WriteString(p.w, line+"\n"); err != nil {
			return err
		}
		b.Reset()
	}
	return nil
}

// paint colours the label of a status; other texts, and those for machines, stay
// as they are.
func (p *printer) paint(text string) string {
	if !p.colour {
		return text
	}
	code := ""
	switch text {
	case health.Okay.Label():
		code = "32"
	case health.Warn.Label():
		code = "33"
	case health.Unknown.Label():
		code = "35"
	case health.Critical.Label():
		code = "31"
	case health.Down.Label():
		code = "1;31"
	default:
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

// age says how long ago or how long something is, in its two greatest units at
// most.
func age(d time.Duration) string {
	d = max(d, 0).Truncate(time.Second)
	switch {
	case d < time.Minute:
		return d.String()
	case d < time.Hour:
		return fmt.Sprintf("%dm%02ds", d/time.Minute, d%time.Minute/time.Second)
	case d < 24*time.Hour:
		return fmt.Sprintf("%dh%02dm", d/time.Hour, d%time.Hour/time.Minute)
	}
	return fmt.Sprintf("%dd%02dh", d/(24*time.Hour), d%(24*time.Hour)/time.Hour)
}

// stamp is a point in time as people of this place read it.
func stamp(t time.Time) string { return t.Local().Format("2006-01-02 15:04:05") }
