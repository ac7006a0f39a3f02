package alarmtest

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/tocsin-lma/tocsin/pkg/config"
	"github.com/tocsin-lma/tocsin/pkg/health"
)

// entry is one item of an `expect` list.
type entry struct {
	line     int
	kind     string // alarm, cluster, event, rejected
	name     string
	named    bool
	host     string
	status   string // "" any, none, or the word of a status
	count    *int
	alarms   []any // nil: not compared
	anyOrder bool
	fields   map[string]any
	payload  *string
	json     map[string]any
	form     map[string]any
	body     []string
	title    *string
	text     *string
	rejected *matcher
}

type entryConfig struct {
	Alarm    *string      `yaml:"alarm"`
	Cluster  *string      `yaml:"cluster"`
	Event    *string      `yaml:"event"`
	Rejected *string      `yaml:"rejected"`
	Name     *string      `yaml:"name"`
	Host     string       `yaml:"host"`
	Status   string       `yaml:"status"`
	Count    *int         `yaml:"count"`
	Alarms   *config.Node `yaml:"alarms"`
	AnyOrder bool         `yaml:"any_order"`
	Fields   *config.Node `yaml:"fields"`
	Payload  *string      `yaml:"payload"`
	JSON     *config.Node `yaml:"json"`
	Form     *config.Node `yaml:"form"`
	Body     []string     `yaml:"body"`
	Title    *string      `yaml:"title"`
	Text     *string      `yaml:"text"`
	Why      string       `yaml:"why"`
}

func parseEntry(n *config.Node) (*entry, error) {
	var cfg entryConfig
	if err := n.Decode(&cfg); err != nil {
		return nil, err
	}
	e := &entry{
		line: n.Pos().Line, host: cfg.Host, status: strings.ToLower(cfg.Status), count: cfg.Count, anyOrder: cfg.AnyOrder,
		payload: cfg.Payload, body: cfg.Body, title: cfg.Title, text: cfg.Text,
	}
	var err error
	switch {
	case cfg.Alarm != nil:
		e.kind, e.name, e.named = "alarm", *cfg.Alarm, true
	case cfg.Cluster != nil:
		e.kind, e.name, e.named = "cluster", *cfg.Cluster, true
	case cfg.Event != nil:
		e.kind = "event:" + *cfg.Event
		if cfg.Name != nil {
			e.name, e.named = *cfg.Name, true
		}
		if !slices.Contains([]string{"sensu", "nagios", "mail"}, *cfg.Event) {
			return nil, n.Get("event").Errorf("unknown event %q; want sensu, nagios or mail", *cfg.Event)
		}
	case cfg.Rejected != nil:
		e.kind = "rejected"
	default:
		return nil, n.Errorf("an expectation starts with alarm, cluster, event or rejected")
	}
	if cfg.Rejected != nil {
		if e.rejected, err = newMatcher(*cfg.Rejected); err != nil {
			return nil, n.Get("rejected").Errorf("%v", err)
		}
	}
	if e.status != "" && e.status != "none" {
		s, err := health.Parse(e.status)
		if err != nil {
			return nil, n.Get("status").Errorf("unknown status %q; want okay, warning, unknown, critical, down or none", cfg.Status)
		}
		e.status = s.Word()
	}
	if err := e.parseParts(&cfg); err != nil {
		return nil, err
	}
	return e, checkPatterns(n)
}

func (e *entry) parseParts(cfg *entryConfig) error {
	for _, part := range []struct {
		node *config.Node
		into *map[string]any
	}{{cfg.Fields, &e.fields}, {cfg.JSON, &e.json}, {cfg.Form, &e.form}} {
		if part.node.Exists() {
			m, ok := part.node.Value().(map[string]any)
			if !ok {
				return part.node.Errorf("want a map")
			}
			*part.into = m
		}
	}
	if cfg.Alarms.Exists() {
		list, ok := cfg.Alarms.Value().([]any)
		if !ok {
			return cfg.Alarms.Errorf("alarms: want a list")
		}
		e.alarms = list
	}
	return nil
}

// checkPatterns reports the patterns of an expectation that are no regular
// expressions when the file is read, not when they are first compared.
func checkPatterns(n *config.Node) error {
	var errs []error
	n.Walk(func(v *config.Node) {
		if v.Kind() == config.Scalar {
			if _, err := newMatcher(v.Text()); err != nil {
				errs = append(errs, v.Errorf("%v", err))
			}
		}
	})
	return errors.Join(errs...)
}

// matcher is a text of an expectation: a pattern between slashes, or a literal.
type matcher struct {
	literal string
	re      *regexp.Regexp
}

func newMatcher(text string) (*matcher, error) {
	expr, isPattern := patternOf(text)
	if !isPattern {
		return &matcher{literal: text}, nil
	}
	re, err := regexp.Compile(expr)
	if err != nil {
		return nil, fmt.Errorf("%s is not a regular expression: %w", text, err)
	}
	return &matcher{re: re}, nil
}

// patternOf returns the expression of /.../ or /.../i.
func patternOf(text string) (string, bool) {
	flags := ""
	body := text
	if strings.HasSuffix(body, "/i") {
		body, flags = body[:len(body)-1], "(?i)"
	}
	if len(body) < 3 || body[0] != '/' || body[len(body)-1] != '/' {
		return "", false
	}
	return flags + body[1:len(body)-1], true
}

func (m *matcher) equals(s string) bool {
	if m.re != nil {
		return m.re.MatchString(s)
	}
	return m.literal == s
}

func (m *matcher) mentions(s string) bool {
	if m.re != nil {
		return m.re.MatchString(s)
	}
	return strings.Contains(strings.ToLower(s), strings.ToLower(m.literal))
}

// timesExpectation says when a run of ticks emitted something.
type timesExpectation struct {
	kind, name, host, status string
	at                       []float64
	hasAt                    bool
	every                    float64
	count                    int
	line                     int
}

type timesConfig struct {
	Alarm   *string   `yaml:"alarm"`
	Cluster *string   `yaml:"cluster"`
	Host    string    `yaml:"host"`
	Status  string    `yaml:"status"`
	At      []float64 `yaml:"at"`
	Every   float64   `yaml:"every"`
	Count   int       `yaml:"count"`
}

func parseTimes(n *config.Node) ([]timesExpectation, error) {
	if !n.Exists() {
		return nil, nil
	}
	items := []*config.Node{n}
	if n.Kind() == config.List {
		items = n.Items()
	}
	var out []timesExpectation
	for _, item := range items {
		var cfg timesConfig
		if err := item.Decode(&cfg); err != nil {
			return nil, err
		}
		x := timesExpectation{
			host: cfg.Host, at: cfg.At, hasAt: item.Get("at").Exists(), every: cfg.Every, count: cfg.Count, line: item.Pos().Line,
		}
		switch {
		case cfg.Cluster != nil:
			x.kind, x.name = "cluster", *cfg.Cluster
		case cfg.Alarm != nil:
			x.kind, x.name = "alarm", *cfg.Alarm
		default:
			return nil, item.Errorf("expect_times names a cluster or an alarm")
		}
		if cfg.Status != "" {
			s, err := health.Parse(cfg.Status)
			if err != nil {
				return nil, item.Errorf("unknown status %q", cfg.Status)
			}
			x.status = s.Word()
		}
		if !x.hasAt && (x.every <= 0 || x.count <= 0) {
			return nil, item.Errorf("expect_times wants `at`, or `every` and `count`")
		}
		out = append(out, x)
	}
	return out, nil
}
