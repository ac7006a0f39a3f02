package sandbox

import "sort"

// needs records what a plugin asked for, for `tocsin plugin check`.
type needs struct {
	modules, keys map[string]bool
}

func (n *needs) module(name string) {
	if n.modules == nil {
		n.modules = map[string]bool{}
	}
	n.modules[name] = true
}

func (n *needs) config(name string) {
	if n.keys == nil {
		n.keys = map[string]bool{}
	}
	n.keys[name] = true
}

// Modules returns the names of the Lua modules that were asked for so far.
func (p *Plugin) Modules() []string { return sorted(p.needs.modules) }

// ConfigKeys returns the configuration keys that were read so far.
func (p *Plugin) ConfigKeys() []string { return sorted(p.needs.keys) }

func sorted(set map[string]bool) []string {
	names := make([]string, 0, len(set))
	for name := range set {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}
