package daemon

import (
	"github.com/tocsin-lma/tocsin/pkg/config"
	"github.com/tocsin-lma/tocsin/pkg/inputs/amqp"
	"github.com/tocsin-lma/tocsin/pkg/inputs/check"
	"github.com/tocsin-lma/tocsin/pkg/inputs/host"
	"github.com/tocsin-lma/tocsin/pkg/inputs/http"
	"github.com/tocsin-lma/tocsin/pkg/inputs/logstream"
	"github.com/tocsin-lma/tocsin/pkg/inputs/process"
	"github.com/tocsin-lma/tocsin/pkg/inputs/statsd"
	"github.com/tocsin-lma/tocsin/pkg/inputs/syslog"
	"github.com/tocsin-lma/tocsin/pkg/inputs/tcp"
	"github.com/tocsin-lma/tocsin/pkg/inputs/udp"
	"github.com/tocsin-lma/tocsin/pkg/pipeline"
	"github.com/tocsin-lma/tocsin/pkg/splitter"
)

// inputContext is what a row of the table gets.
type inputContext struct {
	p        *parts
	name     string
	node     *config.Node    // the section without the common keys
	splitter splitter.Config // zero value: the input's own choice
	decoder  string          // what the section names
}

// inputPlugin makes an input of its section.
type inputPlugin func(c inputContext) (pipeline.Input, error)

// inputPlugins is the table of input engines.
func inputPlugins() map[string]inputPlugin {
	table := map[string]inputPlugin{
		"host": newInput(host.DefaultConfig, func(c inputContext, cfg host.Config) (pipeline.Input, error) {
			return host.New(cfg, host.Options{Name: c.name, Hostname: c.p.global.Hostname, Logger: c.p.log.With("input", c.name)})
		}),
		"http": newInput(http.DefaultConfig, func(c inputContext, cfg http.Config) (pipeline.Input, error) {
			if cfg.Format == "" && c.p.decodesCollectd(c.decoder) {
				cfg.Format = "json" // what is none is refused, so that collectd's log tells of it
			}
			return http.New(cfg, http.Options{
				Name: c.name, Hostname: c.p.global.Hostname, Logger: c.p.log.With("input", c.name), Account: c.p.d.ledger.Account("input", c.name),
			})
		}),
		"tcp": newInput(tcp.DefaultConfig, func(c inputContext, cfg tcp.Config) (pipeline.Input, error) {
			return tcp.New(cfg, tcp.Options{Name: c.name, Hostname: c.p.global.Hostname, Logger: c.p.log.With("input", c.name), Splitter: c.splitter})
		}),
		"udp": newInput(udp.DefaultConfig, func(c inputContext, cfg udp.Config) (pipeline.Input, error) {
			return udp.New(cfg, udp.Options{Name: c.name, Hostname: c.p.global.Hostname, Logger: c.p.log.With("input", c.name), Splitter: c.splitter})
		}),
		"amqp": newInput(amqp.DefaultConfig, func(c inputContext, cfg amqp.Config) (pipeline.Input, error) {
			return amqp.New(cfg, amqp.Options{Name: c.name, Hostname: c.p.global.Hostname, Logger: c.p.log.With("input", c.name), Splitter: c.splitter})
		}),
		"process": newInput(process.DefaultConfig, func(c inputContext, cfg process.Config) (pipeline.Input, error) {
			return process.New(cfg, process.Options{Name: c.name, Hostname: c.p.global.Hostname, Logger: c.p.log.With("input", c.name), Splitter: c.splitter})
		}),
		"statsd": newInput(statsd.DefaultConfig, func(c inputContext, cfg statsd.Config) (pipeline.Input, error) {
			return statsd.New(cfg, statsd.Options{Name: c.name, Hostname: c.p.global.Hostname, Logger: c.p.log.With("input", c.name)})
		}),
		"syslog": newInput(syslog.DefaultConfig, func(c inputContext, cfg syslog.Config) (pipeline.Input, error) {
			return syslog.New(cfg, syslog.Options{Name: c.name, Hostname: c.p.global.Hostname, Logger: c.p.log.With("input", c.name)})
		}),
		"check": newInput(check.DefaultConfig, func(c inputContext, cfg check.Config) (pipeline.Input, error) {
			return check.New(cfg, check.Options{Name: c.name, Hostname: c.p.global.Hostname, Logger: c.p.log.With("input", c.name)})
		}),
		"logstreamer": newInput(logstream.DefaultConfig, func(c inputContext, cfg logstream.Config) (pipeline.Input, error) {
			return logstream.New(cfg, logstream.Options{
				Name: c.name, DataDir: c.p.d.opt.DataDir, Hostname: c.p.global.Hostname, Splitter: c.splitter, Logger: c.p.log.With("input", c.name),
				Journals: c.p.journals,
			})
		}),
	}
	table["logstream"] = table["logstreamer"]
	return table
}

// newInput makes the row's builder: defaults, then the model, strictly, then the
// input itself.
func newInput[C any](defaults func() C, open func(c inputContext, cfg C) (pipeline.Input, error)) inputPlugin {
	return func(c inputContext) (pipeline.Input, error) {
		cfg := defaults()
		if err := c.node.Decode(&cfg); err != nil {
			return nil, err
		}
		return open(c, cfg)
	}
}
