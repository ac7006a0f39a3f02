// Package splitter cuts the bytes of an input into records.
//
// Invariant: the records a splitter returns, in order, are slices of the data it
// was given; no byte is in two records, and what is left out (a delimiter, a
// broken frame, a record over the limit) is either part of the format or
// counted. Splitters hold no goroutine and read no clock; their methods are
// never called concurrently.
package splitter

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
)

// DefaultMaxRecord is the greatest size of a record in bytes, and DefaultMaxLines
// the greatest number of lines in a group, when the configuration does not say.
const (
	DefaultMaxRecord = 256 << 10
	DefaultMaxLines  = 99
)

// Splitter finds the next record at the front of data.
//
// A record with advance > 0 was found; advance > 0 without a record means these
// bytes hold none and are to be skipped; advance 0 means more data is needed.
// With atEOF nothing will follow: what is left is the last record. A record is
// valid as long as data is.
type Splitter interface {
	Split(data []byte, atEOF bool) (record []byte, advance int, err error)
}

// TooLongError is the refusal of a record over the limit.
type TooLongError struct {
	Size  int64 // of the whole record, in bytes
	Limit int
}

func (e *TooLongError) Error() string {
	return fmt.Sprintf("record of %d bytes refused: the limit is %d (max_record_size)", e.Size, e.Limit)
}

// Config is a splitter section of the model.
type Config struct {
	Engine        string                  `yaml:"engine"`            // token, regex, null, framing, pattern_grouping; or Heka's TokenSplitter, ...
	Delimiter     string                  `yaml:"delimiter"`         // token: one byte; regex, pattern_grouping: an RE2 expression
	DelimiterEOL  *bool                   `yaml:"delimiter_eol"`     // regex: the group ends the record before (true, default) or begins the next
	Count         int                     `yaml:"count"`             // token: delimiters in one record; default 1
	Pattern       string                  `yaml:"pattern"`           // pattern_grouping: consecutive lines that match are one record
	MaxLines      int                     `yaml:"max_lines"`         // pattern_grouping: lines in one record
	MaxRecordSize int                     `yaml:"max_record_size"`   // bytes
	KeepTruncated bool                    `yaml:"keep_truncated"`    // hand on the front of a record over the limit
	UseMsgBytes   *bool                   `yaml:"use_message_bytes"` // accepted: framing implies it
	MinBufferSize int                     `yaml:"min_buffer_size"`   // accepted: buffers grow as needed
	DeliverLast   *bool                   `yaml:"deliver_incomplete_final"`
	SkipAuth      bool                    `yaml:"skip_authentication"` // framing: believe signed frames unseen
	RequireSigned bool                    `yaml:"require_signature"`   // framing: refuse unsigned frames
	Signer        map[string]SignerConfig `yaml:"signer"`
}

// SignerConfig is a key of the framing splitter; its name is `<signer>_<version>`.
type SignerConfig struct {
	HMACKey string `yaml:"hmac_key"`
}

// Incomplete reports whether an unfinished last record is to be delivered when
// its source ends: what the model says, or otherwise.
func (c Config) Incomplete(otherwise bool) bool {
	if c.DeliverLast == nil {
		return otherwise
	}
	return *c.DeliverLast
}

// Framed reports whether the configuration means Heka's stream framing.
func (c Config) Framed() bool {
	return c.Engine == "framing" || c.Engine == "heka_framing" || c.Engine == "HekaFramingSplitter"
}

// Named returns the configuration that a splitter's name alone stands for, such
// as NullSplitter, and whether there is one.
func Named(name string) (Config, bool) {
	switch name {
	case "", "token", "TokenSplitter":
		return Config{Engine: "token"}, true
	case "null", "NullSplitter":
		return Config{Engine: "null"}, true
	case "framing", "heka_framing", "HekaFramingSplitter":
		return Config{Engine: "framing"}, true
	}
	return Config{}, false
}

// New makes the splitter a configuration describes. Its records are within
// max_record_size; see Limited.
func New(c Config) (*Limited, error) {
	inner, err := newInner(c)
	if err != nil {
		return nil, err
	}
	limit := c.MaxRecordSize
	switch {
	case limit == 0:
		limit = DefaultMaxRecord
	case limit < 0:
		return nil, fmt.Errorf("read splitter: max_record_size %d: want a number of bytes", limit)
	}
	return &Limited{inner: inner, limit: limit, keep: c.KeepTruncated}, nil
}

func newInner(c Config) (Splitter, error) {
	switch c.Engine {
	case "", "token", "TokenSplitter":
		return newToken(c)
	case "regex", "RegexSplitter":
		eol := c.DelimiterEOL == nil || *c.DelimiterEOL
		return newRegex(c.Delimiter, eol)
	case "null", "NullSplitter":
		return nullSplitter{}, nil
	case "framing", "heka_framing", "HekaFramingSplitter":
		return framing{}, nil
	case "pattern_grouping", "PatternGroupingSplitter":
		return newGrouping(c)
	}
	return nil, fmt.Errorf("read splitter: engine %q: want token, regex, null, framing or pattern_grouping", c.Engine)
}

func newToken(c Config) (Splitter, error) {
	d := c.Delimiter
	if d == "" {
		d = "\n"
	}
	if len(d) == 2 && d[0] == '\\' { // a template wrote "\n" as two characters
		if s, err := strconv.Unquote(`"` + d + `"`); err == nil {
			d = s
		}
	}
	if len(d) != 1 {
		return nil, fmt.Errorf("read splitter: token delimiter %q: want one byte; use the regex engine for more", c.Delimiter)
	}
	if c.Count < 0 {
		return nil, fmt.Errorf("read splitter: count %d: want 1 or more", c.Count)
	}
	return token{delim: d[0], count: max(c.Count, 1)}, nil
}

func newRegex(expr string, eol bool) (Splitter, error) {
	if expr == "" {
		return nil, errors.New("read splitter: the regex engine needs a delimiter")
	}
	re, err := regexp.Compile(expr)
	if err != nil {
		return nil, fmt.Errorf("read splitter: delimiter: %w", err)
	}
	if re.NumSubexp() > 1 {
		return nil, fmt.Errorf("read splitter: delimiter %q has %d groups: want at most one; write (?:...) for the others", expr, re.NumSubexp())
	}
	return &regex{re: re, eol: eol}, nil
}

func newGrouping(c Config) (Splitter, error) {
	if c.Pattern == "" {
		return nil, errors.New("read splitter: the pattern_grouping engine needs a pattern")
	}
	pattern, err := regexp.Compile(c.Pattern)
	if err != nil {
		return nil, fmt.Errorf("read splitter: pattern: %w", err)
	}
	expr := c.Delimiter
	if expr == "" {
		expr = "\n"
	}
	delim, err := regexp.Compile(expr)
	if err != nil {
		return nil, fmt.Errorf("read splitter: delimiter: %w", err)
	}
	lines := c.MaxLines
	if lines <= 0 {
		lines = DefaultMaxLines
	}
	return &grouping{delim: delim, pattern: pattern, maxLines: lines}, nil
}
