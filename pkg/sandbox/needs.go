package sandbox

import "sort"

// needs records what a plugin asked for, for `tocsin plugin check`.
type needs struct {
	modules, keys map[string]bool
	paths         map[string]bool // files that were read or looked for
}

func (n *needs) path(name string) {
	if n.paths == nil {
		n.paths = map[string]bool{}
	}
	n.paths[name] = true
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

// Files returns the script, if it is a file, and the files of modules that were
// read or looked for so far.
func (p *Plugin) Files() []string {
	if p.opts.Script != "" && p.opts.FromDisk {
		p.needs.path(p.opts.Script)
	}
	return sorted(p.needs.paths)
}

// moduleTexts are the Lua modules a Template was loaded with: sandboxes that are
// started later get the same ones, whatever has become of the files.
type moduleTexts struct {
	sealed bool // nothing is added any more: it is read by several goroutines
	texts  map[string]moduleText
}

type moduleText struct {
	source []byte
	chunk  string
}

func (t *moduleTexts) get(name string) (moduleText, bool) {
	if t == nil || !t.sealed {
		return moduleText{}, false
	}
	m, ok := t.texts[name]
	return m, ok
}

func (t *moduleTexts) put(name string, m moduleText) {
	if t == nil || t.sealed {
		return
	}
	if t.texts == nil {
		t.texts = map[string]moduleText{}
	}
	t.texts[name] = m
}

func sorted(set map[string]bool) []string {
	names := make([]string, 0, len(set))
	for name := range set {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}
