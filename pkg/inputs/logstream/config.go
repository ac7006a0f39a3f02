// Package logstream follows log files: through rotation by rename, rotation by
// copy and truncation, compression, and restarts of the daemon.
//
// Invariant: a position in the journal never runs ahead of what Stream.Commit
// has made durable, and a record has the same UUID however often it is read.
//
//	Run (1): scans the folder every rescan_interval
//	 └─ stream (1 per stream): polls its files, reads, splits, emits, commits,
//	    writes its journal
package logstream

import (
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/tocsin-lma/tocsin/pkg/splitter"
)

// Config is the section of a logstream input.
type Config struct {
	LogDirectory   string                    `yaml:"log_directory"`
	FileMatch      string                    `yaml:"file_match"`     // RE2, relative to log_directory, anchored at both ends
	Differentiator []string                  `yaml:"differentiator"` // parts of the stream's name; a group's name stands for its text. No two inputs may make the same name
	Priority       []string                  `yaml:"priority"`       // groups to sort by, oldest first; ^ reverses
	Translation    map[string]map[string]int `yaml:"translation"`    // group -> text -> number
	OldestDuration time.Duration             `yaml:"oldest_duration"`
	RescanInterval time.Duration             `yaml:"rescan_interval"`
	CheckInterval  time.Duration             `yaml:"check_data_interval"`
	JournalDir     string                    `yaml:"journal_directory"` // default: logstreamer below the data folder
	FlushInterval  time.Duration             `yaml:"flush_interval"`    // how long an unfinished record may wait for its end
	InitialTail    bool                      `yaml:"initial_tail"`      // a stream seen for the first time is read from its end

	Paths   []string `yaml:"paths"`   // instead of log_directory and file_match: files or globs, each file a stream
	Exclude []string `yaml:"exclude"` // globs of paths or base names to leave out
}

// DefaultConfig returns the settings that hold when the model says nothing.
func DefaultConfig() Config {
	return Config{
		LogDirectory:   "/var/log",
		OldestDuration: 720 * time.Hour,
		RescanInterval: 5 * time.Second,
		CheckInterval:  250 * time.Millisecond,
		FlushInterval:  5 * time.Second,
	}
}

// Options is what the daemon adds to the model.
type Options struct {
	Name     string          // of the input; the stream's name when there is no differentiator
	DataDir  string          // journals go to logstreamer/ below it, unless journal_directory is set
	Hostname string          // of the records
	Splitter splitter.Config // zero value: lines
	Logger   *slog.Logger
	Journals *Journals // shared by the inputs of a daemon; nil: there is no other input
}

// linger is how long a file that lost its name is followed: its writer may not
// have noticed yet.
const linger = 10 * time.Second

// matcher is what a Config says about names, compiled.
type matcher struct {
	root        string // resolved log_directory
	pattern     *regexp.Regexp
	name        string
	parts       []part
	priority    []sortKey
	translation map[string]map[string]int
}

type part struct {
	text  string
	group int // -1: text
}

type sortKey struct {
	group   int
	name    string
	reverse bool
}

func newMatcher(cfg Config, name string) (*matcher, error) {
	root, err := filepath.Abs(cfg.LogDirectory)
	if err != nil {
		return nil, fmt.Errorf("resolve log_directory %q: %w", cfg.LogDirectory, err)
	}
	if real, err := filepath.EvalSymlinks(root); err == nil {
		root = real
	}
	expr := cfg.FileMatch
	if !strings.HasSuffix(expr, "$") {
		expr += "$"
	}
	prefix := regexp.QuoteMeta(strings.TrimSuffix(root, "/") + "/")
	re, err := regexp.Compile("^" + prefix + expr)
	if err != nil {
		return nil, fmt.Errorf("read file_match %q: %w", cfg.FileMatch, err)
	}
	m := &matcher{root: root, pattern: re, name: name}
	for _, p := range cfg.Differentiator {
		m.parts = append(m.parts, part{text: p, group: re.SubexpIndex(p)})
	}
	for _, p := range cfg.Priority {
		key := sortKey{name: strings.TrimPrefix(p, "^"), reverse: strings.HasPrefix(p, "^")}
		if key.group = re.SubexpIndex(key.name); key.group < 0 {
			return nil, fmt.Errorf("read priority %q: file_match has no group of that name; its groups: %s", p, groups(re))
		}
		m.priority = append(m.priority, key)
	}
	m.translation, err = lowerTranslation(cfg.Translation)
	return m, err
}

func groups(re *regexp.Regexp) string {
	names := slices.DeleteFunc(re.SubexpNames(), func(s string) bool { return s == "" })
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

func lowerTranslation(in map[string]map[string]int) (map[string]map[string]int, error) {
	out := make(map[string]map[string]int, len(in))
	for group, table := range in {
		lower := make(map[string]int, len(table))
		for text, n := range table {
			lower[strings.ToLower(text)] = n
		}
		if _, missing := lower["missing"]; len(lower) == 1 && !missing {
			return nil, fmt.Errorf("read translation of %s: a table with one key may only hold `missing`", group)
		}
		out[group] = lower
	}
	return out, nil
}

// check fills in defaults and refuses what cannot work.
func (c *Config) check() error {
	def := DefaultConfig()
	if c.LogDirectory == "" {
		c.LogDirectory = def.LogDirectory
	}
	if c.OldestDuration <= 0 {
		c.OldestDuration = def.OldestDuration
	}
	if c.RescanInterval <= 0 {
		c.RescanInterval = def.RescanInterval
	}
	if c.CheckInterval <= 0 {
		c.CheckInterval = def.CheckInterval
	}
	if c.FlushInterval <= 0 {
		c.FlushInterval = def.FlushInterval
	}
	switch {
	case c.FileMatch == "" && len(c.Paths) == 0:
		return errors.New("read logstream: set file_match (with log_directory) or paths")
	case c.FileMatch != "" && len(c.Paths) > 0:
		return errors.New("read logstream: set either file_match or paths, not both")
	}
	for _, glob := range slices.Concat(c.Paths, c.Exclude) {
		if _, err := filepath.Match(glob, ""); err != nil {
			return fmt.Errorf("read logstream: glob %q: %w", glob, err)
		}
	}
	return nil
}
