package daemon

import (
	"maps"
	"slices"

	"github.com/tocsin-lma/tocsin/pkg/config"
	"github.com/tocsin-lma/tocsin/pkg/inputs/logstream"
	"github.com/tocsin-lma/tocsin/pkg/pipeline"
	"github.com/tocsin-lma/tocsin/pkg/splitter"
)

// inputConfig holds the keys every input has.
type inputConfig struct {
	Engine       string      `yaml:"engine"`
	Decoder      string      `yaml:"decoder"`
	Splitter     string      `yaml:"splitter"`
	CanExit      bool        `yaml:"can_exit"`
	SendFailures bool        `yaml:"send_decode_failures"`
	LogFailures  *bool       `yaml:"log_decode_failures"`
	Synchronous  *bool       `yaml:"synchronous_decode"`
	Retries      retryConfig `yaml:"retries"`
}

var inputKeys = []string{"engine", "decoder", "splitter", "can_exit", "send_decode_failures", "log_decode_failures", "synchronous_decode", "retries"}

func (p *parts) buildInputs() {
	table := inputPlugins()
	p.journals = &logstream.Journals{}
	var followers []follower
	p.each("input", func(name string, n *config.Node) {
		var c inputConfig
		p.fail(n.Only(inputKeys...).Decode(&c))
		plugin, ok := table[c.Engine]
		if embedded, found := p.d.opt.Inputs[c.Engine]; found {
			ok = true
			plugin = func(c inputContext) (pipeline.Input, error) { return embedded(c.name), nil }
		}
		if !ok {
			p.unknownEngine(n, "input", c.Engine, slices.Sorted(maps.Keys(table)))
			return
		}
		split, ok := p.splitter(n, c.Splitter)
		if !ok {
			return
		}
		in, err := plugin(inputContext{p, name, n.Without(inputKeys...), split, c.Decoder})
		if err != nil {
			p.fail(placed(n, err))
			return
		}
		followers = p.journal(followers, name, n, in)
		spec := pipeline.InputSpec{Name: name, Input: in}
		if framed := split.Framed() || c.Engine == "tcp" && c.Splitter == ""; !framed || !p.protobuf(c.Decoder) {
			spec.NewDecoder = p.decoder(n, c.Decoder, c.SendFailures)
		} // the frames of a framed stream are messages: there is nothing to decode
		p.spec.Inputs = append(p.spec.Inputs, spec)
	})
	p.spec.Inputs = append(p.spec.Inputs,
		pipeline.InputSpec{Name: "heartbeat", Input: &heartbeat{d: p.d, p: p, tags: p.tags()}},
		pipeline.InputSpec{Name: "report", Input: &reporter{d: p.d, host: p.global.Hostname}},
	)
}

// follower is an input that reads files and keeps positions.
type follower struct {
	name string
	node *config.Node
	in   *logstream.Input
}

// journal refuses an input whose positions would be those of another one, and adds
// it to the others.
func (p *parts) journal(others []follower, name string, n *config.Node, in pipeline.Input) []follower {
	files, ok := in.(*logstream.Input)
	if !ok {
		return others
	}
	for _, other := range others {
		if streams, same := logstream.Clash(other.in, files); same {
			place := n.Get("differentiator")
			if !place.Exists() {
				place = n
			}
			p.fail(place.Errorf("the inputs %s (%s) and %s both make streams called %q, and one would go on where the other one has read: give one of them another differentiator, or a journal_directory of its own",
				other.name, other.node.Pos(), name, streams))
		}
	}
	return append(others, follower{name, n, files})
}

// splitter finds the splitter that an input names: a section, with or without
// the ending "_splitter", or one that needs no section.
func (p *parts) splitter(input *config.Node, ref string) (splitter.Config, bool) {
	if ref == "" {
		return splitter.Config{}, true
	}
	if section := p.section("splitter", ref); section != nil {
		var c splitter.Config
		if err := section.Without("enabled").Decode(&c); err != nil {
			p.fail(err)
			return c, false
		}
		if _, err := splitter.New(c); err != nil {
			p.fail(placed(section, err))
			return c, false
		}
		return c, true
	}
	if c, ok := splitter.Named(ref); ok {
		return c, true
	}
	p.fail(input.Get("splitter").Errorf("there is no splitter %q: neither a section of this role nor one of TokenSplitter, NullSplitter, HekaFramingSplitter", ref))
	return splitter.Config{}, false
}
