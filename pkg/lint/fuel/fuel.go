// Package fuel converts alarm models of the Fuel plugins to ours.
//
// In that layout a list of alarms, each a trigger, is grouped into the members of
// node and service clusters, and clusters of three levels (service, node, global)
// stand in sections of their own. A member's name is only unique within its
// cluster, and a cluster's within its level, so both get the name of what they
// belong to.
//
// Invariant: every value that is carried over keeps its place in the file it came
// from, so that a finding about the converted model can name it.
package fuel

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/tocsin-lma/tocsin/pkg/config"
)

// Options chooses what is converted.
type Options struct {
	// Node keeps the alarms of the clusters that apply to this profile of nodes
	// only; empty: those of all profiles.
	Node string
}

// Model is a converted model.
type Model struct {
	YAML     []byte
	Warnings []error               // what has no place in our layout
	Origins  map[string]config.Pos // by path: where it came from
}

// Convert reads a model in the layout of the Fuel plugins, with or without the
// key lma_collector around it.
func Convert(from *config.Node, opt Options) (*Model, error) {
	if inner := from.Get("lma_collector"); inner.Kind() == config.Map {
		from = inner
	}
	c := &converter{from: from, opt: opt, origins: map[string]config.Pos{}, names: map[string]string{}}
	if !slices.ContainsFunc(sections(), func(k string) bool { return from.Get(k).Exists() }) {
		return nil, from.Errorf("no model of the Fuel plugins: want one of the keys %s", strings.Join(sections(), ", "))
	}
	c.nameClusters()
	root := mapping()
	collector := mapping()
	c.triggers(collector)
	c.alarms(collector)
	if len(collector.Content) > 0 {
		add(root, "metric_collector", collector)
	}
	aggregator := mapping()
	c.policies(aggregator)
	c.clusters(aggregator)
	if len(aggregator.Content) > 0 {
		add(root, "aggregator", aggregator)
	}
	if err := errors.Join(c.errs...); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	enc := yaml.NewEncoder(&out)
	enc.SetIndent(2)
	if err := enc.Encode(root); err != nil {
		return nil, fmt.Errorf("write converted model: %w", err)
	}
	if err := enc.Close(); err != nil {
		return nil, fmt.Errorf("write converted model: %w", err)
	}
	return &Model{YAML: out.Bytes(), Warnings: c.warnings, Origins: c.origins}, nil
}

func sections() []string {
	return []string{"alarms", "node_cluster_alarms", "service_cluster_alarms", "gse_policies", "gse_cluster_service", "gse_cluster_node", "gse_cluster_global"}
}

type converter struct {
	from     *config.Node
	opt      Options
	origins  map[string]config.Pos
	names    map[string]string // "service/nova-api" -> name of the cluster in ours
	warnings []error
	errs     []error
}

func (c *converter) origin(n *config.Node, path ...string) {
	c.origins[strings.Join(path, ".")] = n.Pos()
}

func (c *converter) warn(n *config.Node, format string, args ...any) {
	c.warnings = append(c.warnings, n.Errorf(format, args...))
}

// triggers turns every alarm of the list into a trigger.
func (c *converter) triggers(into *yaml.Node) {
	list := c.from.Get("alarms")
	if list.Exists() && list.Kind() != config.List {
		c.errs = append(c.errs, list.Errorf("want a list of alarms, this is %s", list.Kind()))
	}
	section := mapping()
	seen := map[string]bool{}
	for _, a := range list.Items() {
		name := a.Get("name").Text()
		if name == "" || seen[name] {
			c.errs = append(c.errs, a.Errorf("an alarm needs a name of its own, this one has %q", name))
			continue
		}
		seen[name] = true
		path := []string{"metric_collector", "trigger", name}
		c.origin(a, path...)
		t := mapping()
		for _, key := range a.Keys() {
			switch key {
			case "name", "trigger":
			case "description", "severity", "enabled", "no_data_policy":
				c.copy(t, key, a.Get(key), path...)
			default:
				c.warn(a.Get(key), "alarm %s: the key %s has no place in our layout and is left out", name, key)
			}
		}
		inner := a.Get("trigger")
		for _, key := range inner.Keys() {
			c.copy(t, key, inner.Get(key), path...)
		}
		add(section, name, t)
	}
	if len(section.Content) > 0 {
		add(into, "trigger", section)
	}
}

// copy carries a value over as it is, with the places of all its parts.
func (c *converter) copy(into *yaml.Node, key string, n *config.Node, path ...string) {
	at := strings.Join(append(slices.Clone(path), key), ".")
	base := n.Path()
	n.Walk(func(part *config.Node) { c.origins[at+strings.TrimPrefix(part.Path(), base)] = part.Pos() })
	add(into, key, yamlOf(n))
}

// alarms turns the members of node and service clusters into alarms.
func (c *converter) alarms(into *yaml.Node) {
	section := mapping()
	seen := map[string]bool{}
	for _, level := range []struct{ key, dimension string }{{"node_cluster_alarms", "node_role"}, {"service_cluster_alarms", "service"}} {
		groups := c.from.Get(level.key)
		for _, cluster := range groups.Keys() {
			group := groups.Get(cluster)
			apply := group.Get("apply_to_node").Text()
			if c.opt.Node != "" && apply != "" && apply != c.opt.Node {
				continue
			}
			if apply != "" && c.opt.Node == "" {
				c.warn(group.Get("apply_to_node"), "the alarms of %s are meant for nodes of the profile %s: convert with --node %s for those", cluster, apply, apply)
			}
			members := group.Get("members")
			for _, member := range members.Keys() {
				name := alarmName(cluster, member)
				if seen[name] {
					c.errs = append(c.errs, members.Get(member).Errorf("two members would be called %s; rename one", name))
				}
				seen[name] = true
				c.alarm(section, name, level.dimension, cluster, group, members.Get(member))
			}
		}
	}
	if len(section.Content) > 0 {
		add(into, "alarm", section)
	}
}

func (c *converter) alarm(section *yaml.Node, name, dimension, cluster string, group, member *config.Node) {
	path := []string{"metric_collector", "alarm", name}
	c.origin(member, path...)
	a := mapping()
	c.copy(a, "triggers", member.Get("alarms"), path...)
	alerting := member.Get("alerting")
	if !alerting.Exists() {
		alerting = group.Get("alerting")
	}
	if alerting.Exists() {
		c.copy(a, "alerting", alerting, path...)
	}
	d := mapping()
	add(d, dimension, text(legal(cluster)))
	d.Style = yaml.FlowStyle
	add(a, "dimension", d)
	add(section, name, a)
}

func alarmName(cluster, member string) string { return cluster + "_" + member }

// legal turns a name into a value that a dimension may have.
func legal(name string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || strings.ContainsRune("_/-", r) {
			return r
		}
		return '-'
	}, strings.ToLower(name))
}

func mapping() *yaml.Node { return &yaml.Node{Kind: yaml.MappingNode} }

func text(s string) *yaml.Node {
	n := &yaml.Node{}
	n.SetString(s)
	return n
}

func add(into *yaml.Node, key string, value *yaml.Node) {
	into.Content = append(into.Content, text(key), value)
}

// yamlOf writes a part of the model. Small maps and lists of words stand on one
// line.
func yamlOf(n *config.Node) *yaml.Node {
	switch n.Kind() {
	case config.Map:
		out := mapping()
		flat := true
		for _, k := range n.Keys() {
			flat = flat && n.Get(k).Kind() != config.List
			add(out, k, yamlOf(n.Get(k)))
		}
		if flat {
			out.Style = yaml.FlowStyle
		}
		return out
	case config.List:
		out := &yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle}
		for _, item := range n.Items() {
			if item.Kind() != config.Scalar {
				out.Style = 0
			}
			out.Content = append(out.Content, yamlOf(item))
		}
		return out
	case config.Scalar:
		out := &yaml.Node{}
		if err := out.Encode(n.Value()); err == nil {
			return out
		}
		return text(n.Text())
	}
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Value: "null"}
}

// Where returns the place from which the part at path was converted; false when
// nothing of it was.
func (m *Model) Where(path string) (config.Pos, bool) {
	for path != "" {
		if pos, ok := m.Origins[path]; ok {
			return pos, true
		}
		cut := strings.LastIndexByte(path, '.')
		if cut < 0 {
			break
		}
		path = path[:cut]
	}
	return config.Pos{}, false
}

// levels are the kinds of clusters in the order in which they feed each other.
type level struct {
	section, name, match string
	host                 string
}

func levels() []level {
	return []level{
		{"gse_cluster_service", "service", "service", "01-service-clusters"},
		{"gse_cluster_node", "node", "node_role", "01-node-clusters"},
		{"gse_cluster_global", "global", "", "00-top-clusters"},
	}
}

// nameClusters gives every cluster a name that is unique over all levels: its
// own where it can keep it, the global one first.
func (c *converter) nameClusters() {
	taken := map[string]bool{}
	order := levels()
	slices.Reverse(order)
	for _, l := range order {
		for _, cluster := range c.from.Get(l.section, "clusters").Keys() {
			name := cluster
			for taken[name] {
				name += "_" + l.name
			}
			taken[name] = true
			c.names[l.name+"/"+cluster] = name
		}
	}
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
