package afd

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/tocsin-lma/tocsin/pkg/config"
)

// triggerConfig is a trigger as the model writes it.
type triggerConfig struct {
	Enabled         bool           `yaml:"enabled"`
	Description     string         `yaml:"description"`
	Severity        string         `yaml:"severity"`
	NoDataPolicy    string         `yaml:"no_data_policy"`
	NoDataEver      string         `yaml:"no_data_ever_policy"`
	LogicalOperator string         `yaml:"logical_operator"`
	Rules           []*config.Node `yaml:"rules"`
	For             time.Duration  `yaml:"for"`
	ClearAfter      time.Duration  `yaml:"clear_after"`
	MinSamples      int            `yaml:"min_samples"`
}

// ruleConfig is a rule as the model writes it. The field selection has three
// spellings: ours, Fuel's and that of an early manual.
type ruleConfig struct {
	Metric             string        `yaml:"metric"`
	Field              *config.Node  `yaml:"field"`
	Fields             *config.Node  `yaml:"fields"`
	Dimension          *config.Node  `yaml:"dimension"`
	GroupBy            *config.Node  `yaml:"group_by"`
	Value              string        `yaml:"value"`
	Function           string        `yaml:"function"`
	RelationalOperator string        `yaml:"relational_operator"`
	Threshold          *float64      `yaml:"threshold"`
	Window             seconds       `yaml:"window"`
	Periods            float64       `yaml:"periods"`
	SeriesTTL          time.Duration `yaml:"series_ttl"`
	MinSamples         int           `yaml:"min_samples"`
	Trend              string        `yaml:"trend"`
	PValue             *float64      `yaml:"pvalue"`
	PStat              *float64      `yaml:"pstat"`
	Script             string        `yaml:"script"`
}

// maxObservation bounds window*periods, in seconds, and with it the ring of one
// series: one week.
const maxObservation = 7 * 24 * 3600

// seconds is a number of seconds, also as text ("60") or with a unit ("5m").
// Unlike a time.Duration it may be negative, which stands for the default.
type seconds float64

// UnmarshalConfig reads the number.
func (s *seconds) UnmarshalConfig(n *config.Node) error {
	text := strings.TrimSpace(n.Text())
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		d, unitErr := time.ParseDuration(text)
		if unitErr != nil {
			return n.Errorf("%q is not a number of seconds", n.Text())
		}
		v = d.Seconds()
	}
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return n.Errorf("%q is not a number of seconds", n.Text())
	}
	*s = seconds(v)
	return nil
}

func (l *loader) loadTrigger(name string, n *config.Node) {
	l.triggers[name] = nil
	before := len(l.errs)
	cfg := triggerConfig{Enabled: true}
	if n.Kind() != config.Map {
		l.fail(n, "trigger %s: want a map with severity and rules", name)
		return
	}
	if err := n.Decode(&cfg); err != nil {
		l.errs = append(l.errs, err)
		return
	}
	t := &Trigger{Name: name, Description: cfg.Description, For: cfg.For, ClearAfter: cfg.ClearAfter}
	var ok bool
	var err error
	if cfg.Severity == "" {
		l.fail(n, "trigger %s: severity is missing; want warning, critical or down", name)
	} else if t.Severity, err = modelStatus(cfg.Severity); err != nil {
		l.fail(n.Get("severity"), "trigger %s: unknown severity %q; want warning, critical or down", name, cfg.Severity)
	}
	if t.NoData, t.Skip, ok = noData(cfg.NoDataPolicy); !ok {
		l.fail(n.Get("no_data_policy"), "trigger %s: unknown no_data_policy %q; want okay, warning, critical, down, unknown or skip", name, cfg.NoDataPolicy)
	}
	if cfg.NoDataEver != "" {
		t.Never = &NeverPolicy{}
		if t.Never.Status, t.Never.Skip, ok = noData(cfg.NoDataEver); !ok {
			l.fail(n.Get("no_data_ever_policy"), "trigger %s: unknown no_data_ever_policy %q; want okay, warning, critical, down, unknown or skip", name, cfg.NoDataEver)
		}
	}
	switch strings.ToLower(strings.TrimSpace(cfg.LogicalOperator)) {
	case "", "or", "||":
	case "and", "&&":
		t.And = true
	default:
		l.fail(n.Get("logical_operator"), "trigger %s: unknown logical_operator %q; want and, or", name, cfg.LogicalOperator)
	}
	if len(cfg.Rules) == 0 {
		l.fail(n, "trigger %s: rules is missing; want at least one rule", name)
	}
	for i, rn := range cfg.Rules {
		rule := l.loadRule(name, i+1, rn)
		if rule.MinSamples == 0 {
			rule.MinSamples = cfg.MinSamples
		}
		t.Rules = append(t.Rules, rule)
	}
	if cfg.Enabled && len(l.errs) == before {
		l.triggers[name] = t
	}
}

func (l *loader) loadRule(trigger string, number int, n *config.Node) Rule {
	var cfg ruleConfig
	if n.Kind() != config.Map {
		l.fail(n, "trigger %s: rule %d: want a map, this is %s", trigger, number, n.Kind())
		return Rule{}
	}
	if err := n.Decode(&cfg); err != nil {
		l.errs = append(l.errs, err)
		return Rule{}
	}
	fail := func(key, format string, args ...any) {
		at := n
		if child := n.Get(key); child != nil {
			at = child
		}
		l.fail(at, "trigger %s: rule %d: "+format, append([]any{trigger, number}, args...)...)
	}
	r := Rule{
		Metric: cfg.Metric, Value: cfg.Value, Window: 10, Periods: 1,
		SeriesTTL: cfg.SeriesTTL, MinSamples: cfg.MinSamples, Script: cfg.Script,
	}
	if cfg.Metric == "" {
		fail("metric", "metric is missing; want the name of a metric")
	}
	if cfg.Window > 0 {
		r.Window = float64(cfg.Window)
	}
	if cfg.Periods > 0 {
		r.Periods = cfg.Periods
	}
	if r.Window*(r.Periods+2) > maxObservation {
		fail("window", "window %v times periods %v is more than a week", r.Window, r.Periods)
		r.Window, r.Periods = 10, 1
	}
	if cfg.MinSamples < 0 {
		fail("min_samples", "min_samples %d is negative", cfg.MinSamples)
	}
	l.loadComparison(&r, &cfg, fail)
	l.loadFields(&r, &cfg, fail)
	for _, item := range cfg.GroupBy.Items() {
		r.GroupBy = append(r.GroupBy, item.Text())
	}
	if cfg.GroupBy.Kind() == config.Scalar && cfg.GroupBy.Text() != "" {
		r.GroupBy = []string{cfg.GroupBy.Text()}
	}
	if len(r.GroupBy) > 0 && r.SeriesTTL == 0 {
		r.SeriesTTL = max(600*time.Second, 10*r.observation())
	}
	return r
}

type failFunc func(key, format string, args ...any)

func (l *loader) loadComparison(r *Rule, cfg *ruleConfig, fail failFunc) {
	var ok bool
	if cfg.Function == "" {
		fail("function", "function is missing; want one of %s", strings.Join(Functions(), ", "))
	} else if r.Function, ok = functionOf(cfg.Function); !ok {
		fail("function", "unknown function %q; want one of %s", cfg.Function, strings.Join(Functions(), ", "))
	}
	r.OperatorText = strings.TrimSpace(cfg.RelationalOperator)
	switch {
	case r.OperatorText != "":
		if r.Operator, ok = operatorOf(r.OperatorText); !ok {
			fail("relational_operator", "unknown relational_operator %q; want one of == eq != ne > gt >= gte < lt <= lte", r.OperatorText)
		}
	case r.Function.historical():
		r.Operator, r.OperatorText = Greater, ">"
	default:
		fail("relational_operator", "relational_operator is missing; want one of == != > >= < <=")
	}
	threshold := cfg.Threshold
	switch {
	case r.Function == MWW && cfg.PValue != nil:
		threshold = cfg.PValue
	case r.Function == MWWNonparametric && cfg.PStat != nil:
		threshold = cfg.PStat
	}
	if threshold == nil {
		fail("threshold", "threshold is missing; want a number")
	} else {
		r.Threshold = *threshold
	}
	switch Trend(strings.ToLower(cfg.Trend)) {
	case "":
		if r.Function == MWW || r.Function == MWWNonparametric {
			r.Trend = AnyTrend
		}
	case Increasing, Decreasing, AnyTrend:
		r.Trend = Trend(strings.ToLower(cfg.Trend))
	default:
		fail("trend", "unknown trend %q; want increasing, decreasing or any", cfg.Trend)
	}
	if (r.Function == Lua) != (r.Script != "") {
		fail("script", "function lua and the key script belong together: one of them is missing")
	}
}

func (l *loader) loadFields(r *Rule, cfg *ruleConfig, fail failFunc) {
	spelled := ""
	for _, c := range []struct {
		key  string
		node *config.Node
	}{{"field", cfg.Field}, {"fields", cfg.Fields}, {"dimension", cfg.Dimension}} {
		if !c.node.Exists() {
			continue
		}
		if c.node.Kind() != config.Map {
			fail(c.key, "%s: want a map from field names to expressions, this is %s", c.key, c.node.Kind())
			continue
		}
		if spelled != "" {
			fail(c.key, "%s and %s are two spellings of one key; keep one", spelled, c.key)
			continue
		}
		spelled = c.key
		for _, name := range c.node.Keys() {
			v := c.node.Get(name)
			e, err := ParseExpression(v.Text())
			if err != nil || v.Kind() != config.Scalar {
				if err == nil {
					fail(c.key, "field %s: want an expression, this is %s", name, v.Kind())
				} else {
					fail(c.key, "field %s: %v", name, err)
				}
				continue
			}
			if w := e.Warning(); w != "" {
				l.warn(v, "field %s: %s", name, w)
			}
			r.Fields = append(r.Fields, FieldMatch{Name: name, Expr: e})
		}
	}
}

// observation returns the observation window, in whole seconds.
func (r *Rule) observation() time.Duration {
	return time.Duration(math.Ceil(r.Window*r.Periods)) * time.Second
}

// rows returns the size of the ring.
func (r *Rule) rows() int {
	n := math.Ceil(r.Window * r.Periods / bucketSeconds)
	if r.Function.historical() {
		n = math.Ceil(r.Window/bucketSeconds) * (math.Ceil(r.Periods) + 2)
	}
	return max(2, int(n))
}
