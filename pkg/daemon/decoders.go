package daemon

import (
	"bytes"
	"fmt"
	"path"
	"time"

	"github.com/tocsin-lma/tocsin/pkg/config"
	"github.com/tocsin-lma/tocsin/pkg/decoders"
	"github.com/tocsin-lma/tocsin/pkg/decoders/collectd"
	"github.com/tocsin-lma/tocsin/pkg/message"
	"github.com/tocsin-lma/tocsin/pkg/pipeline"
	"github.com/tocsin-lma/tocsin/pkg/sandbox"
	"github.com/tocsin-lma/tocsin/plugins"
)

// decoderMaker makes the decoder of one stream.
type decoderMaker func() (decoders.Decoder, error)

// decoder finds the decoder that an input names: a section, with or without the
// ending "_decoder", the name of one of Heka's, or a shipped plugin. forward says
// whether what it rejects is handed on with a flag. "" means none.
func (p *parts) decoder(input *config.Node, ref string, forward bool) func(stream string) (pipeline.Decoder, error) {
	if ref == "" {
		return p.tagged(nil)
	}
	make := p.decoderNamed(input, ref, map[string]bool{})
	if make == nil {
		return nil
	}
	rejects := p.d.rejects
	return p.tagged(func(stream string) (pipeline.Decoder, error) {
		d, err := make()
		if err != nil {
			return nil, err
		}
		return &decoders.Counted{Decoder: d, Rejects: rejects, Key: decoders.RejectKey{Stream: stream, Decoder: ref}, Forward: forward}, nil
	})
}

// protobuf reports whether ref means the decoder of the wire format.
func (p *parts) protobuf(ref string) bool {
	if section := p.section("decoder", ref); section != nil {
		return section.Get("engine").Text() == "protobuf"
	}
	return ref == "ProtobufDecoder" || ref == "protobuf"
}

// decoderNamed returns nil after it has reported what is wrong.
func (p *parts) decoderNamed(from *config.Node, ref string, seen map[string]bool) decoderMaker {
	if seen[ref] {
		p.fail(from.Errorf("the decoder %q contains itself", ref))
		return nil
	}
	seen[ref] = true
	defer delete(seen, ref)
	section := p.section("decoder", ref)
	if section == nil {
		switch ref {
		case "ProtobufDecoder", "protobuf":
			return func() (decoders.Decoder, error) { return &decoders.Protobuf{}, nil }
		case "noop":
			return func() (decoders.Decoder, error) { return &decoders.Noop{}, nil }
		}
		if _, err := plugins.FS.ReadFile("lua/decoders/" + ref + ".lua"); err != nil {
			p.fail(from.Errorf("there is no decoder %q: neither a section of this role nor a shipped one; 'tocsin plugin list' names those", ref))
			return nil
		}
		return p.sandboxDecoder(ref, (*config.Node)(nil))
	}
	var head struct {
		Engine string `yaml:"engine"`
	}
	p.fail(section.Only("engine").Decode(&head))
	body := section.Without("engine", "enabled")
	switch head.Engine {
	case "sandbox", "":
		return p.sandboxDecoder(ref, body)
	case "multidecoder":
		return p.multiDecoder(ref, body, seen)
	case "payloadregex":
		return p.regexDecoder(body)
	case "protobuf":
		return func() (decoders.Decoder, error) { return &decoders.Protobuf{}, nil }
	case "noop":
		return func() (decoders.Decoder, error) {
			return &decoders.Noop{Type: body.Get("config", "msg_type").Text()}, nil
		}
	}
	p.unknownEngine(section, "decoder", head.Engine, []string{"sandbox", "multidecoder", "payloadregex", "protobuf", "noop"})
	return nil
}

func (p *parts) sandboxDecoder(name string, n *config.Node) decoderMaker {
	if !n.Exists() {
		n = config.Merge()
	}
	p.refuseOthers(n, sandboxKeys)
	options, err := p.sandboxOptions(sandbox.KindDecoder, trimKind(name), n)
	if err != nil {
		p.fail(placed(n, err))
		return nil
	}
	if zone := n.Get("adjust_timezone").Text(); zone == "true" && options.Config["tz"] == nil {
		p.notice(n, "adjust_timezone has no effect: set config.tz to the zone the lines are written in")
	}
	if isCollectd(options) {
		return p.tried(n, func() (decoders.Decoder, error) { return collectd.New(options, p.log) })
	}
	plugin := p.watched(options, n)
	if plugin == nil {
		return nil
	}
	open := func() (decoders.Decoder, error) { return decoders.OpenSandbox(plugin.versions, p.log) }
	return p.tried(n, open)
}

// tried opens a decoder once, so that one that does not load is an error of the model.
func (p *parts) tried(n *config.Node, open decoderMaker) decoderMaker {
	trial, err := open()
	if err != nil {
		p.fail(n.Errorf("the plugin does not load: %v", err))
		return nil
	}
	closeDecoder(trial)
	return open
}

// isCollectd reports whether the plugin is the shipped decoder that has a native
// form, which asks the same Lua modules once for each series. A file of the operator
// is run as it is.
func isCollectd(options sandbox.Options) bool {
	const script = "lua/decoders/collectd.lua"
	shipped, err := plugins.FS.ReadFile(script)
	return err == nil && options.Script == script && bytes.Equal(options.Source, shipped)
}

// decodesCollectd reports whether ref means a decoder of collectd's samples, the
// shipped one or the operator's.
func (p *parts) decodesCollectd(ref string) bool {
	file := p.section("decoder", ref).Get("module_file").Text()
	if file == "" {
		file = trimKind(ref) + ".lua"
	}
	return path.Base(file) == "collectd.lua"
}

// trimKind leaves out the ending that references of the formulas have.
func trimKind(ref string) string {
	const ending = "_decoder"
	if len(ref) > len(ending) && ref[len(ref)-len(ending):] == ending {
		return ref[:len(ref)-len(ending)]
	}
	return ref
}

func (p *parts) multiDecoder(name string, n *config.Node, seen map[string]bool) decoderMaker {
	var c struct {
		Subs      []string `yaml:"subs"`
		Strategy  string   `yaml:"cascade_strategy"`
		LogErrors bool     `yaml:"log_sub_errors"`
	}
	if err := n.Decode(&c); err != nil {
		p.fail(err)
		return nil
	}
	if len(c.Subs) == 0 {
		p.fail(n.Errorf("subs is empty; list the decoders to try, in order"))
		return nil
	}
	var makers []decoderMaker
	for _, sub := range c.Subs {
		make := p.decoderNamed(n, sub, seen)
		if make == nil {
			return nil
		}
		makers = append(makers, make)
	}
	open := func() (decoders.Decoder, error) {
		var subs []decoders.Named
		for i, make := range makers {
			d, err := make()
			if err != nil {
				return nil, fmt.Errorf("open decoder %s of %s: %w", c.Subs[i], name, err)
			}
			subs = append(subs, decoders.Named{Name: c.Subs[i], Decoder: d})
		}
		return decoders.NewMulti(subs, c.Strategy, c.LogErrors, p.log)
	}
	trial, err := open()
	if err != nil {
		p.fail(placed(n, err))
		return nil
	}
	closeDecoder(trial)
	return open
}

func (p *parts) regexDecoder(n *config.Node) decoderMaker {
	var c decoders.RegexConfig
	if err := n.Decode(&c); err != nil {
		p.fail(err)
		return nil
	}
	open := func() (decoders.Decoder, error) { return decoders.NewPayloadRegex(c, time.Now) }
	if _, err := open(); err != nil {
		p.fail(placed(n, err))
		return nil
	}
	return open
}

func closeDecoder(d decoders.Decoder) {
	if c, ok := d.(interface{ Close(message.Emit) error }); ok {
		_ = c.Close(discardMessage)
	}
}

// tagged adds the daemon's tags to messages that no Lua decoder has tagged.
func (p *parts) tagged(make func(stream string) (pipeline.Decoder, error)) func(stream string) (pipeline.Decoder, error) {
	if make != nil {
		return make
	}
	tags := p.tags()
	if len(tags) == 0 {
		return nil
	}
	return func(string) (pipeline.Decoder, error) { return &tagger{names: sortedKeys(tags), tags: tags}, nil }
}

// tagger is the decoder of inputs whose records are messages already.
type tagger struct {
	names []string
	tags  map[string]string
}

// Decode adds the tags that raw lacks and passes it on.
func (t *tagger) Decode(raw *message.Message, emit message.Emit) error {
	n := len(raw.Fields)
	for _, name := range t.names {
		if raw.Field(name) == nil {
			raw.AddString(name, t.tags[name])
		}
	}
	err := emit(raw)
	raw.Fields = raw.Fields[:n] // the input may use it again
	return err
}
