package fuel

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/tocsin-lma/tocsin/pkg/config"
)

func (c *converter) policies(into *yaml.Node) {
	if policies := c.from.Get("gse_policies"); policies.Exists() {
		c.copy(into, "policy", policies, "aggregator")
	}
}

func (c *converter) clusters(into *yaml.Node) {
	out := mapping()
	for _, l := range levels() {
		section := c.from.Get(l.section)
		clusters := section.Get("clusters")
		for _, name := range clusters.Keys() {
			c.cluster(out, l, section, name, clusters.Get(name))
		}
	}
	if len(out.Content) > 0 {
		add(into, "alarm_cluster", out)
	}
}

func (c *converter) cluster(out *yaml.Node, l level, section *config.Node, name string, n *config.Node) {
	own := c.names[l.name+"/"+name]
	path := []string{"aggregator", "alarm_cluster", own}
	c.origin(n, path...)
	k := mapping()
	for _, key := range n.Keys() {
		switch key {
		case "members", "hints", "dimension":
		case "policy", "group_by", "enabled", "alerting", "handler":
			c.copy(k, key, n.Get(key), path...)
		default:
			c.warn(n.Get(key), "cluster %s: the key %s has no place in our layout and is left out", name, key)
		}
	}
	for _, key := range []string{"alerting", "interval", "warm_up_period"} {
		if v := section.Get(key); v.Exists() && !n.Get(key).Exists() {
			c.copy(k, key, v, path...)
		}
	}
	if l.match == "" {
		c.upper(k, n, path)
	} else {
		match := mapping()
		match.Style = yaml.FlowStyle
		add(match, l.match, text(legal(name)))
		add(k, "match", match)
		add(k, "members", c.list(n.Get("members"), func(member string) []string { return []string{alarmName(name, member)} }))
		c.places("members", n, path)
	}
	if hints := n.Get("hints"); hints.Exists() {
		add(k, "hints", c.list(hints, func(hint string) []string { return []string{c.named(l.name, hint)} }))
		c.places("hints", n, path)
	}
	d := mapping()
	d.Style = yaml.FlowStyle
	if l.match == "" {
		add(d, "cluster_name", text(legal(name)))
	} else {
		add(d, "level", text(l.name))
	}
	add(d, "nagios_host", text(l.host))
	add(k, "dimension", d)
	add(out, own, k)
}

// upper writes what a global cluster listens to: clusters of the lower levels.
func (c *converter) upper(k *yaml.Node, n *config.Node, path []string) {
	var below []string
	add(k, "members", c.list(n.Get("members"), func(member string) []string {
		var names []string
		for _, l := range levels() {
			if name, ok := c.names[l.name+"/"+member]; ok && l.match != "" {
				names = append(names, name)
				if !slices.Contains(below, l.name) {
					below = append(below, l.name)
				}
			}
		}
		if names == nil {
			return []string{member}
		}
		return names
	}))
	c.places("members", n, path)
	if below == nil {
		below = []string{"service", "node"}
	}
	match := mapping()
	match.Style = yaml.FlowStyle
	if len(below) == 1 {
		add(match, "level", text(below[0]))
		add(k, "match", match)
		return
	}
	add(match, "level", text("^("+strings.Join(below, "|")+")$"))
	add(k, "match_re", match)
}

// named finds the cluster that a hint means: of the same level, else of any.
func (c *converter) named(level, hint string) string {
	if name, ok := c.names[level+"/"+hint]; ok {
		return name
	}
	for _, key := range sortedKeys(c.names) {
		if strings.HasSuffix(key, "/"+hint) {
			return c.names[key]
		}
	}
	return hint
}

func (c *converter) list(n *config.Node, rename func(string) []string) *yaml.Node {
	out := &yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle}
	for _, item := range n.Items() {
		for _, name := range rename(item.Text()) {
			out.Content = append(out.Content, text(name))
		}
	}
	return out
}

// places remembers where a list stood whose items were renamed.
func (c *converter) places(key string, n *config.Node, path []string) {
	c.origin(n.Get(key), append(slices.Clone(path), key)...)
}
