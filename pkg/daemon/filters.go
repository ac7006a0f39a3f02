package daemon

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tocsin-lma/tocsin/pkg/config"
	"github.com/tocsin-lma/tocsin/pkg/matcher"
	"github.com/tocsin-lma/tocsin/pkg/pipeline"
	"github.com/tocsin-lma/tocsin/pkg/sandbox"
)

// filterConfig holds the keys every filter has.
type filterConfig struct {
	Engine  string        `yaml:"engine"`
	Matcher string        `yaml:"message_matcher"`
	Ticker  time.Duration `yaml:"ticker_interval"`
}

var filterKeys = []string{"engine", "message_matcher", "ticker_interval"}

// buildFilters lines the filters up: first those that make metrics, then the
// evaluation of alarms and clusters, then those that want verdicts. Within each
// group the order is the model's.
func (p *parts) buildFilters() {
	var before, after []pipeline.FilterSpec
	p.each("filter", func(name string, n *config.Node) {
		if name == alarmFilterName {
			return // says which Lua file evaluates the alarms: see alarmFilters
		}
		spec, ok := p.filter(name, n)
		if !ok {
			return
		}
		if wantsVerdicts(spec.Matcher) {
			after = append(after, spec)
			return
		}
		before = append(before, spec)
	})
	p.spec.Filters = slices.Concat(before, p.alarmFilters(), p.clusterFilters(), after)
}

func wantsVerdicts(m *matcher.Matcher) bool {
	return m.MayMatch("afd_metric") || m.MayMatch("gse_metric")
}

func (p *parts) filter(name string, n *config.Node) (pipeline.FilterSpec, bool) {
	var c filterConfig
	p.fail(n.Only(filterKeys...).Decode(&c))
	if c.Engine != "sandbox" && c.Engine != "" {
		p.unknownEngine(n, "filter", c.Engine, []string{"sandbox"})
		return pipeline.FilterSpec{}, false
	}
	p.refuseOthers(n, append(slices.Clone(filterKeys), sandboxKeys...))
	options, err := p.sandboxOptions(sandbox.KindFilter, name, n)
	if err != nil {
		p.fail(placed(n, err))
		return pipeline.FilterSpec{}, false
	}
	plugin := p.watched(options, n)
	if plugin == nil {
		return pipeline.FilterSpec{}, false
	}
	text, _ := json.Marshal(n.Value())
	p.fingerprints[name] = string(text)
	return pipeline.FilterSpec{
		Name: name, Matcher: p.matcher(n, c.Matcher), Ticker: c.Ticker,
		New: func() (pipeline.Filter, error) { return newSandboxFilter(plugin, &p.d.board) },
	}, true
}

// livePlugin finds a plugin; nil if there is none.
func (p *parts) livePlugin(kind, name string) *livePlugin {
	for _, l := range p.plugins {
		if l.kind == kind && l.name == name {
			return l
		}
	}
	return nil
}

// unchanged reports whether a running filter of an older generation is what this one
// would start: its section is the same, and so are the texts it was loaded from.
func (p *parts) unchanged(old *parts, name string) bool {
	mark, ok := p.fingerprints[name]
	if !ok || mark != old.fingerprints[name] {
		return false
	}
	was, now := old.livePlugin("filter", name), p.livePlugin("filter", name)
	return was != nil && now != nil && was.versions.Current().Digest() == now.versions.Current().Digest()
}

// refuseOthers reports the keys of n that are not among known.
func (p *parts) refuseOthers(n *config.Node, known []string) {
	for _, key := range n.Without(known...).Keys() {
		hint := "; known keys are " + strings.Join(known, ", ")
		if near, ok := config.Nearest(key, known); ok {
			hint = fmt.Sprintf("; did you mean %q?", near)
		}
		p.fail(n.Get(key).KeyErrorf("unknown key %q%s", key, hint))
	}
}

// takeOver hands the filters of a stopped generation that did not change to this
// one, with their state.
func (p *parts) takeOver(old *generation) {
	running := old.pipeline.Filters()
	p.adoptEvaluators(running)
	kept := map[string]bool{}
	for i := range p.spec.Filters {
		name := p.spec.Filters[i].Name
		if running[name] != nil && p.unchanged(old.parts, name) {
			p.livePlugin("filter", name).adopt(old.parts.livePlugin("filter", name))
			p.spec.Filters[i].Running = running[name]
			kept[name] = true
		}
	}
	for name, f := range running {
		if c, ok := f.(interface{ Close() error }); ok && !kept[name] {
			if err := c.Close(); err != nil {
				p.log.Error("closing a filter failed", "filter", name, "error", err)
			}
		}
	}
}
