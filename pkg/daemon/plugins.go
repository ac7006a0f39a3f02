package daemon

import (
	"github.com/tocsin-lma/tocsin/pkg/config"
	"github.com/tocsin-lma/tocsin/pkg/sandbox"
)

// livePlugin is a Lua plugin of the model, whose files may change while it runs.
type livePlugin struct {
	kind, name string
	versions   *sandbox.Versions
}

// watched loads a plugin; nil after it has reported why it does not load.
func (p *parts) watched(options sandbox.Options, n *config.Node) *livePlugin {
	template, err := sandbox.NewTemplate(options)
	if err != nil {
		p.fail(n.Errorf("the plugin does not load: %v", err))
		return nil
	}
	plugin := &livePlugin{kind: options.Kind.String(), name: options.Name, versions: sandbox.NewVersions(template)}
	p.plugins = append(p.plugins, plugin)
	return plugin
}
