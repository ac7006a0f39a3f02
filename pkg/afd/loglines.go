package afd

import (
	"strings"
	"unicode/utf8"

	"github.com/tocsin-lma/tocsin/pkg/message"
)

// LogLinesField is the field of a metric made of logs that carries the last
// lines which made it. It is neither a tag nor a dimension.
const LogLinesField = "log_lines"

const (
	keptLogLines = 5   // of a series
	logLineBytes = 256 // of a line
)

// logLine is a line of a log that made a datapoint of a series.
type logLine struct {
	bucket int64
	text   string
}

// remember keeps the newest lines of a datapoint.
func (s *series) remember(bucket int64, lines *message.Field) {
	n := lines.Len()
	for i := max(0, n-keptLogLines); i < n; i++ {
		s.logs = append(s.logs, logLine{bucket, strings.Clone(cutLine(lines.At(i).Text()))})
	}
	if extra := len(s.logs) - keptLogLines; extra > 0 {
		s.logs = append(s.logs[:0], s.logs[extra:]...)
	}
}

// cutLine shortens a text to logLineBytes without splitting a character.
func cutLine(text string) string {
	if len(text) <= logLineBytes {
		return text
	}
	end := logLineBytes
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end]
}

// lines returns the lines whose datapoints are still in the ring, oldest first.
func (s *series) lines() []string {
	var out []string
	for _, l := range s.logs {
		if l.bucket >= s.ring.oldest() {
			out = append(out, l.text)
		}
	}
	return out
}
