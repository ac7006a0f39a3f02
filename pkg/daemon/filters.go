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
	// A plugin that does not load is an error of the model, not of the night.
	trial := options
	trial.PreserveFile = ""
	if plugin, err := sandbox.Open(trial); err != nil {
		p.fail(n.Errorf("the plugin does not load: %v", err))
	} else {
		trial.TimerOnShutdown = false
		_ = plugin.Close(discardMessage)
	}
	text, _ := json.Marshal(n.Value())
	p.fingerprints[name] = string(text) + string(options.Source)
	return pipeline.FilterSpec{
		Name: name, Matcher: p.matcher(n, c.Matcher), Ticker: c.Ticker,
		New: func() (pipeline.Filter, error) { return newSandboxFilter(options, &p.d.board) },
	}, true
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
		if mark, ok := p.fingerprints[name]; ok && mark == old.parts.fingerprints[name] && running[name] != nil {
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
