package afd

import (
	"errors"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/tocsin-lma/tocsin/pkg/config"
	"github.com/tocsin-lma/tocsin/pkg/health"
)

// alarmConfig is an alarm as the model writes it.
type alarmConfig struct {
	Enabled      bool          `yaml:"enabled"`
	Description  string        `yaml:"description"`
	Triggers     *config.Node  `yaml:"triggers"`
	Alerting     string        `yaml:"alerting"`
	Handler      string        `yaml:"handler"`
	Dimension    *config.Node  `yaml:"dimension"`
	PreserveData bool          `yaml:"preserve_data"`
	For          time.Duration `yaml:"for"`
	ClearAfter   time.Duration `yaml:"clear_after"`
}

// Load reads the sections `trigger` and `alarm` of one role of the model
// (metric_collector or remote_collector). Every error and warning names file,
// line and path. Warnings do not stand in the way: what they are about is left
// out or does nothing.
func Load(role *config.Node) (defs []Definition, warnings []error, err error) {
	l := loader{triggers: map[string]*Trigger{}}
	section := role.Get("trigger")
	if section.Exists() && section.Kind() != config.Map {
		l.errs = append(l.errs, section.Errorf("want a map from trigger names to triggers, this is %s", section.Kind()))
	}
	for _, name := range section.Keys() {
		l.loadTrigger(name, section.Get(name))
	}
	alarms := role.Get("alarm")
	if alarms.Exists() && alarms.Kind() != config.Map {
		l.errs = append(l.errs, alarms.Errorf("want a map from alarm names to alarms, this is %s", alarms.Kind()))
	}
	for _, name := range alarms.Keys() {
		if d, ok := l.loadAlarm(name, alarms.Get(name)); ok {
			defs = append(defs, d)
		}
	}
	var enabled struct{ v bool }
	enabled.v = true
	if err := role.Get("alarms_enabled").Decode(&enabled.v); err != nil {
		l.errs = append(l.errs, err)
	}
	if len(l.errs) > 0 {
		return nil, l.warnings, errors.Join(l.errs...)
	}
	if !enabled.v {
		return nil, l.warnings, nil
	}
	return defs, l.warnings, nil
}

type loader struct {
	triggers map[string]*Trigger // nil: there, but disabled or broken
	warnings []error
	errs     []error
}

func (l *loader) fail(n *config.Node, format string, args ...any) {
	l.errs = append(l.errs, n.Errorf(format, args...))
}

func (l *loader) warn(n *config.Node, format string, args ...any) {
	l.warnings = append(l.warnings, n.Errorf(format, args...))
}

func (l *loader) loadAlarm(name string, n *config.Node) (Definition, bool) {
	cfg := alarmConfig{Enabled: true}
	if n.Kind() != config.Map {
		l.fail(n, "alarm %s: want a map with the key triggers", name)
		return Definition{}, false
	}
	if err := n.Decode(&cfg); err != nil {
		l.errs = append(l.errs, err)
		return Definition{}, false
	}
	d := Definition{Name: name, Handler: cfg.Handler}
	var ok bool
	if d.AlertingEnabled, d.NotificationEnabled, ok = alerting(cfg.Alerting); !ok {
		l.fail(n.Get("alerting"), "alarm %s: unknown alerting %q; want disabled, enabled or enabled_with_notification", name, cfg.Alerting)
	}
	d.Dimensions = l.loadDimensions(name, cfg.Dimension)
	if !cfg.Enabled {
		return d, false
	}
	if cfg.Triggers.Kind() != config.List {
		l.fail(n, "alarm %s: triggers is missing; want a list of trigger names, most severe first", name)
		return d, false
	}
	for _, item := range cfg.Triggers.Items() {
		t, known := l.triggers[item.Text()]
		switch {
		case !known:
			l.warn(item, "alarm %s: unknown trigger %q is left out; known here: %s", name, item.Text(), l.nearest(item.Text()))
		case t != nil:
			c := *t
			if c.For == 0 {
				c.For = cfg.For
			}
			if c.ClearAfter == 0 {
				c.ClearAfter = cfg.ClearAfter
			}
			d.Triggers = append(d.Triggers, c)
		}
	}
	if len(d.Triggers) == 0 {
		l.warn(n, "alarm %s has no usable trigger and is left out; enable or name at least one", name)
		return d, false
	}
	return d, true
}

// nearest lists a few trigger names that share a beginning with name.
func (l *loader) nearest(name string) string {
	var near, all []string
	for known := range l.triggers {
		all = append(all, known)
		if len(name) > 2 && strings.HasPrefix(known, name[:3]) {
			near = append(near, known)
		}
	}
	if len(near) == 0 {
		near = all
	}
	slices.Sort(near)
	if len(near) == 0 {
		return "none"
	}
	if len(near) > 5 {
		near = append(near[:5:5], "...")
	}
	return strings.Join(near, ", ")
}

// alerting reads the word of an alarm; the empty word is its default.
func alerting(word string) (alert, notify, ok bool) {
	switch strings.ToLower(word) {
	case "", "enabled":
		return true, false, true
	case "enabled_with_notification":
		return true, true, true
	case "disabled":
		return false, false, true
	}
	return false, false, false
}

func (l *loader) loadDimensions(alarm string, n *config.Node) []Dimension {
	if n.Exists() && n.Kind() != config.Map {
		l.fail(n, "alarm %s: dimension: want a map, this is %s", alarm, n.Kind())
	}
	legal := regexp.MustCompile(`^[a-z0-9_/-]+$`)
	var out []Dimension
	for _, name := range n.Keys() {
		v := n.Get(name)
		switch {
		case slices.Contains(reservedDimensions(), name):
			l.fail(v, "alarm %s: dimension %q is a field of its own; choose another name", alarm, name)
		case !legal.MatchString(name):
			l.fail(v, "alarm %s: dimension name %q must consist of a-z, 0-9, _, / and -", alarm, name)
		case v.Kind() != config.Scalar || !legal.MatchString(v.Text()):
			l.fail(v, "alarm %s: dimension %s: value %q must consist of a-z, 0-9, _, / and -", alarm, name, v.Text())
		default:
			out = append(out, Dimension{Name: name, Value: v.Text()})
		}
	}
	return out
}

func reservedDimensions() []string {
	return []string{
		"name", "value", "hostname", "member", "alerting_enabled", "notification_enabled", "notification_handler", "tag_fields",
	}
}

// noData reads a no_data_policy.
func noData(word string) (status health.Status, skip, ok bool) {
	switch {
	case word == "":
		return health.Unknown, false, true
	case strings.EqualFold(word, "skip"):
		return health.Unknown, true, true
	}
	status, err := modelStatus(word)
	return status, false, err == nil
}

// modelStatus reads a word of the model.
func modelStatus(word string) (health.Status, error) {
	return health.Parse(strings.TrimSpace(word))
}
