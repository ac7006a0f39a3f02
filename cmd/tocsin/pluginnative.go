package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/tocsin-lma/tocsin/pkg/config"
	"github.com/tocsin-lma/tocsin/pkg/decoders"
	"github.com/tocsin-lma/tocsin/pkg/decoders/collectd"
	"github.com/tocsin-lma/tocsin/pkg/message"
	"github.com/tocsin-lma/tocsin/pkg/sandbox"
)

// nativeCollectd is the shipped Lua decoder that the daemons run in its native form.
const nativeCollectd = "collectd"

// nativeNames lists the plugins of a kind that are written in Go.
func nativeNames(kind sandbox.Kind) []string {
	switch kind {
	case sandbox.KindDecoder:
		return []string{"multidecoder", "payload_regex", "protobuf"}
	case sandbox.KindEncoder:
		return nativeEncoders()
	}
	return nil
}

// openNative opens a plugin that is written in Go.
func openNative(component, name string, opts sandbox.Options) (subject, error) {
	switch opts.Kind {
	case sandbox.KindDecoder:
		s := &decoderSubject{name: name, opts: opts, decoders: map[string]decoders.Decoder{}}
		if _, err := s.decoder(""); err == nil || !errors.Is(err, errUnknownDecoder) {
			return s, err
		}
	case sandbox.KindEncoder:
		if e := openNativeEncoder(name, opts.Config); e != nil {
			return e()
		}
	}
	return nil, fmt.Errorf("unknown component %q; 'tocsin plugin list' names them all", component)
}

var errUnknownDecoder = errors.New("unknown decoder")

// configNode makes a configuration section of a case's config object.
func configNode(cfg map[string]any) (*config.Node, error) {
	text, err := json.Marshal(cfg)
	if err != nil {
		return nil, err
	}
	return config.Load(config.Source{Name: "config", Data: text})
}

// decoderSubject is a decoder written in Go, one for each stream.
type decoderSubject struct {
	name     string
	opts     sandbox.Options
	decoders map[string]decoders.Decoder
}

func (s *decoderSubject) decoder(stream string) (decoders.Decoder, error) {
	if d := s.decoders[stream]; d != nil {
		return d, nil
	}
	d, err := openDecoder(s.name, s.opts)
	if err != nil {
		return nil, err
	}
	s.decoders[stream] = d
	return d, nil
}

func openDecoder(name string, opts sandbox.Options) (decoders.Decoder, error) {
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	if name == nativeCollectd {
		return collectd.New(opts, log)
	}
	if text, file := shippedSource(sandbox.KindDecoder, name); text != nil {
		opts.Source, opts.Script, opts.Name = text, file, name
		return decoders.NewSandbox(opts, log)
	}
	node, err := configNode(opts.Config)
	if err != nil {
		return nil, err
	}
	switch name {
	case "protobuf":
		return &decoders.Protobuf{}, nil
	case "payload_regex":
		var cfg decoders.RegexConfig
		if err := node.Decode(&cfg); err != nil {
			return nil, err
		}
		return decoders.NewPayloadRegex(cfg, opts.Clock)
	case "multidecoder":
		return openMulti(node, opts, log)
	}
	return nil, fmt.Errorf("%w %q", errUnknownDecoder, name)
}

// multiConfig configures a multidecoder: subs are names of shipped decoders;
// the section of that name is the sub-decoder's config.
type multiConfig struct {
	Subs            []string                  `yaml:"subs"`
	CascadeStrategy string                    `yaml:"cascade_strategy"`
	LogSubErrors    bool                      `yaml:"log_sub_errors"`
	Config          map[string]map[string]any `yaml:"config"`
}

func openMulti(node *config.Node, opts sandbox.Options, log *slog.Logger) (decoders.Decoder, error) {
	var cfg multiConfig
	if err := node.Decode(&cfg); err != nil {
		return nil, err
	}
	var subs []decoders.Named
	for _, name := range cfg.Subs {
		sub := opts
		sub.Config = cfg.Config[name]
		d, err := openDecoder(name, sub)
		if err != nil {
			return nil, err
		}
		subs = append(subs, decoders.Named{Name: name, Decoder: d})
	}
	return decoders.NewMulti(subs, cfg.CascadeStrategy, cfg.LogSubErrors, log)
}

func (s *decoderSubject) process(stream string, m *message.Message, emit message.Emit) stepResult {
	d, err := s.decoder(stream)
	if err != nil {
		return rejected(err)
	}
	emitted := 0
	err = d.Decode(m, func(m *message.Message) error { emitted++; return emit(m) })
	var partly *decoders.Partly
	if err != nil && !errors.As(err, &partly) {
		return rejected(err)
	}
	return stepResult{OK: true, Passthrough: s.name == nativeCollectd && emitted == 0}
}

func (s *decoderSubject) timer(time.Time, message.Emit) stepResult { return stepResult{OK: true} }

func (s *decoderSubject) idle(now time.Time, emit message.Emit) stepResult {
	for _, d := range s.decoders {
		if f, ok := d.(decoders.Flusher); ok {
			if err := f.Flush(now, true, emit); err != nil {
				return rejected(err)
			}
		}
	}
	return stepResult{OK: true}
}

func (s *decoderSubject) close() {
	for _, d := range s.decoders {
		if c, ok := d.(*collectd.Decoder); ok {
			_ = c.Close(nil)
		}
	}
}

// encoder is what a native encoder implements.
type encoder interface {
	Encode(dst []byte, m *message.Message) ([]byte, error)
}

// encoderSubject is an encoder written in Go.
type encoderSubject struct{ encoder encoder }

func (s *encoderSubject) process(_ string, m *message.Message, _ message.Emit) stepResult {
	out, err := s.encoder.Encode(nil, m)
	if err != nil {
		return rejected(err)
	}
	if len(out) == 0 {
		return stepResult{OK: true}
	}
	return encodedResult(stepResult{OK: true}, out)
}

func (s *encoderSubject) timer(time.Time, message.Emit) stepResult { return stepResult{OK: true} }

func (s *encoderSubject) idle(time.Time, message.Emit) stepResult { return stepResult{OK: true} }

func (s *encoderSubject) close() {}
