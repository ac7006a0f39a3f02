package gse

import (
	"errors"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/tocsin-lma/tocsin/pkg/config"
	"github.com/tocsin-lma/tocsin/pkg/health"
)

// clusterConfig is an alarm cluster as the model writes it.
type clusterConfig struct {
	Enabled       bool           `yaml:"enabled"`
	Description   string         `yaml:"description"`
	Alerting      string         `yaml:"alerting"`
	Handler       string         `yaml:"handler"`
	Dimension     *config.Node   `yaml:"dimension"`
	PreserveData  bool           `yaml:"preserve_data"`
	Match         *config.Node   `yaml:"match"`
	MatchRe       *config.Node   `yaml:"match_re"`
	Members       []string       `yaml:"members"`
	Hints         []string       `yaml:"hints"`
	GroupBy       string         `yaml:"group_by"`
	Policy        string         `yaml:"policy"`
	Interval      time.Duration  `yaml:"interval"`
	WarmUp        *time.Duration `yaml:"warm_up_period"`
	MaxInject     int            `yaml:"max_inject"`
	MemberTTL     *time.Duration `yaml:"member_ttl"`
	ForgetAfter   *time.Duration `yaml:"forget_after"`
	ExpectedHosts []string       `yaml:"expected_hosts"`
}

// Load reads the sections `evaluation`, `policy` and `alarm_cluster` of the
// aggregator's role. Every error and warning names file, line and path.
func Load(role *config.Node) (model Model, warnings []error, err error) {
	l := loader{model: Model{Strict: true, Policies: map[string]Policy{}}, nodes: map[string]*config.Node{}}
	switch n := role.Get("evaluation"); strings.ToLower(n.Text()) {
	case "", "strict":
	case "compatible":
		l.model.Strict = false
	default:
		l.fail(n, "unknown evaluation %q; want strict or compatible", n.Text())
	}
	policies := role.Get("policy")
	for _, name := range policies.Keys() {
		l.model.Policies[name] = l.loadPolicy(name, policies.Get(name))
	}
	clusters := role.Get("alarm_cluster")
	for _, name := range clusters.Keys() {
		l.loadCluster(name, clusters.Get(name))
	}
	l.finish()
	return l.model, l.warnings, errors.Join(l.errs...)
}

type loader struct {
	model    Model
	nodes    map[string]*config.Node // of every cluster, also disabled ones
	warnings []error
	errs     []error
}

func (l *loader) fail(n *config.Node, format string, args ...any) {
	l.errs = append(l.errs, n.Errorf(format, args...))
}

func (l *loader) warn(n *config.Node, format string, args ...any) {
	l.warnings = append(l.warnings, n.Errorf(format, args...))
}

func (l *loader) loadCluster(name string, n *config.Node) {
	l.nodes[name] = n
	cfg := clusterConfig{Enabled: true, Interval: DefaultInterval, MaxInject: DefaultMaxInject}
	if n.Kind() != config.Map {
		l.fail(n, "alarm cluster %s: want a map with policy, match and members", name)
		return
	}
	if err := n.Decode(&cfg); err != nil {
		l.errs = append(l.errs, err)
		return
	}
	c := Cluster{
		Name: name, PolicyName: cfg.Policy, Members: cfg.Members, Hints: cfg.Hints, Interval: cfg.Interval,
		MaxInject: cfg.MaxInject, Strict: l.model.Strict, Handler: cfg.Handler, ExpectedHosts: cfg.ExpectedHosts,
		ByHostname: strings.EqualFold(cfg.GroupBy, "hostname"), anyMember: name == CollectorsCluster,
	}
	var ok bool
	if c.AlertingEnabled, c.NotificationEnabled, ok = alerting(cfg.Alerting); !ok {
		l.fail(n.Get("alerting"), "alarm cluster %s: unknown alerting %q; want disabled, enabled or enabled_with_notification", name, cfg.Alerting)
	}
	if c.Policy, ok = l.model.Policies[cfg.Policy]; !ok {
		at := n
		if p := n.Get("policy"); p != nil {
			at = p
		}
		l.fail(at, "alarm cluster %s: unknown policy %q; known policies: %s", name, cfg.Policy, l.policyNames())
	}
	c.Dimensions = l.loadDimensions(name, cfg.Dimension)
	l.loadMatch(&c, &cfg, n)
	if len(c.Members) == 0 {
		l.fail(n, "alarm cluster %s: members is missing; want a list of alarm or cluster names", name)
	}
	if c.Interval <= 0 {
		c.Interval = DefaultInterval
	}
	l.loadAges(&c, &cfg)
	if cfg.Enabled {
		l.model.Clusters = append(l.model.Clusters, c)
	}
}

func (l *loader) loadAges(c *Cluster, cfg *clusterConfig) {
	if c.Strict {
		c.MemberTTL, c.ForgetAfter = DefaultMemberTTL, DefaultForgetAfter
	} else if cfg.MemberTTL != nil {
		c.ForgetAfter = DefaultForgetAfter
	}
	if cfg.MemberTTL != nil {
		c.MemberTTL = *cfg.MemberTTL
	}
	if cfg.ForgetAfter != nil {
		c.ForgetAfter = *cfg.ForgetAfter
	}
	c.WarmUp = -1 // decided when it is known who feeds whom
	if cfg.WarmUp != nil {
		c.WarmUp = *cfg.WarmUp
	}
}

func (l *loader) policyNames() string {
	names := make([]string, 0, len(l.model.Policies))
	for name := range l.model.Policies {
		names = append(names, name)
	}
	slices.Sort(names)
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

func (l *loader) loadMatch(c *Cluster, cfg *clusterConfig, n *config.Node) {
	for _, field := range cfg.Match.Keys() {
		v := cfg.Match.Get(field)
		if v.Kind() != config.Scalar {
			l.fail(v, "alarm cluster %s: match %s: want a text, this is %s", c.Name, field, v.Kind())
			continue
		}
		c.Match = append(c.Match, Pair{field, v.Text()})
	}
	for _, field := range cfg.MatchRe.Keys() {
		v := cfg.MatchRe.Get(field)
		re, err := regexp.Compile(v.Text())
		if err != nil || v.Kind() != config.Scalar {
			l.fail(v, "alarm cluster %s: match_re %s: %q is not a regular expression: %v", c.Name, field, v.Text(), err)
			continue
		}
		c.MatchRe = append(c.MatchRe, PairRe{field, re})
	}
	if len(c.Match)+len(c.MatchRe) == 0 && len(cfg.Match.Keys())+len(cfg.MatchRe.Keys()) == 0 {
		l.fail(n, "alarm cluster %s: match is missing; want match or match_re with at least one field", c.Name)
	}
}

func (l *loader) loadDimensions(cluster string, n *config.Node) []Dimension {
	if n.Exists() && n.Kind() != config.Map {
		l.fail(n, "alarm cluster %s: dimension: want a map, this is %s", cluster, n.Kind())
	}
	legal := regexp.MustCompile(`^[a-z0-9_/-]+$`)
	reserved := []string{
		"name", "value", "hostname", "member", "alerting_enabled", "notification_enabled", "notification_handler", "tag_fields",
	}
	var out []Dimension
	for _, name := range n.Keys() {
		v := n.Get(name)
		switch {
		case slices.Contains(reserved, name):
			l.fail(v, "alarm cluster %s: dimension %q is a field of its own; choose another name", cluster, name)
		case !legal.MatchString(name):
			l.fail(v, "alarm cluster %s: dimension name %q must consist of a-z, 0-9, _, / and -", cluster, name)
		case v.Kind() != config.Scalar || !legal.MatchString(v.Text()):
			l.fail(v, "alarm cluster %s: dimension %s: value %q must consist of a-z, 0-9, _, / and -", cluster, name, v.Text())
		default:
			out = append(out, Dimension{name, v.Text()})
		}
	}
	return out
}

// alerting reads the word of a cluster; the empty word is its default.
func alerting(word string) (alert, notify, ok bool) {
	switch strings.ToLower(word) {
	case "", "enabled_with_notification":
		return true, true, true
	case "enabled":
		return true, false, true
	case "disabled":
		return false, false, true
	}
	return false, false, false
}

// policyConfig is one entry of a policy as the model writes it.
type policyConfig struct {
	Status  string `yaml:"status"`
	Trigger struct {
		LogicalOperator string         `yaml:"logical_operator"`
		Rules           []*config.Node `yaml:"rules"`
	} `yaml:"trigger"`
}

type policyRuleConfig struct {
	Function           string       `yaml:"function"`
	Arguments          *config.Node `yaml:"arguments"`
	RelationalOperator string       `yaml:"relational_operator"`
	Threshold          *float64     `yaml:"threshold"`
}

func (l *loader) loadPolicy(name string, n *config.Node) Policy {
	if n.Kind() != config.List || len(n.Items()) == 0 {
		l.fail(n, "policy %s: want a list of entries with status and trigger", name)
		return nil
	}
	var p Policy
	for i, item := range n.Items() {
		var cfg policyConfig
		if err := item.Decode(&cfg); err != nil {
			l.errs = append(l.errs, err)
			continue
		}
		var e PolicyEntry
		var err error
		if e.Status, err = health.Parse(cfg.Status); err != nil {
			l.fail(item, "policy %s: entry %d: unknown status %q; want okay, warning, unknown, critical or down", name, i+1, cfg.Status)
		}
		switch strings.ToLower(strings.TrimSpace(cfg.Trigger.LogicalOperator)) {
		case "", "or", "||":
		case "and", "&&":
			e.And = true
		default:
			l.fail(item, "policy %s: entry %d: unknown logical_operator %q; want and, or", name, i+1, cfg.Trigger.LogicalOperator)
		}
		for _, r := range cfg.Trigger.Rules {
			e.Rules = append(e.Rules, l.loadPolicyRule(name, r))
		}
		p = append(p, e)
	}
	return p
}

func (l *loader) loadPolicyRule(policy string, n *config.Node) PolicyRule {
	var cfg policyRuleConfig
	if err := n.Decode(&cfg); err != nil {
		l.errs = append(l.errs, err)
		return PolicyRule{}
	}
	var r PolicyRule
	switch strings.ToLower(cfg.Function) {
	case "count":
	case "percent":
		r.Percent = true
	default:
		l.fail(n, "policy %s: unknown function %q; want count or percent", policy, cfg.Function)
	}
	arguments := cfg.Arguments.Items()
	if cfg.Arguments.Kind() == config.Scalar {
		arguments = []*config.Node{cfg.Arguments}
	}
	for _, a := range arguments {
		s, err := health.Parse(a.Text())
		if err != nil {
			l.fail(a, "policy %s: unknown argument %q; want okay, warning, unknown, critical or down", policy, a.Text())
		} else if !slices.Contains(r.Arguments, s) {
			r.Arguments = append(r.Arguments, s)
		}
	}
	if len(arguments) == 0 {
		l.fail(n, "policy %s: arguments is missing; want a list of statuses", policy)
	}
	words := map[string]string{"eq": "==", "ne": "!=", "gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
	op := strings.ToLower(strings.TrimSpace(cfg.RelationalOperator))
	if symbol, ok := words[op]; ok {
		op = symbol
	}
	if !slices.Contains([]string{"==", "!=", ">", ">=", "<", "<="}, op) {
		l.fail(n, "policy %s: unknown relational_operator %q; want one of == eq != ne > gt >= gte < lt <= lte", policy, cfg.RelationalOperator)
	}
	r.Operator = op
	if cfg.Threshold == nil {
		l.fail(n, "policy %s: threshold is missing; want a number", policy)
	} else {
		r.Threshold = *cfg.Threshold
	}
	return r
}
