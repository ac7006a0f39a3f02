package daemon

import (
	"cmp"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/tocsin-lma/tocsin/pkg/buffer"
	"github.com/tocsin-lma/tocsin/pkg/config"
	"github.com/tocsin-lma/tocsin/pkg/matcher"
	"github.com/tocsin-lma/tocsin/pkg/pipeline"
)

// outputPlugin is a row of the plugin table.
type outputPlugin struct {
	build   func(p *parts, name string, n *config.Node) (pipeline.Output, error)
	encoder string // when the model names none
	full    buffer.FullAction
	batch   pipeline.BatchOptions
}

// newOutput makes the row's builder: defaults, then the model, strictly, then the
// output itself.
func newOutput[C any](defaults func() C, open func(p *parts, cfg C) (pipeline.Output, error)) func(*parts, string, *config.Node) (pipeline.Output, error) {
	return func(p *parts, _ string, n *config.Node) (pipeline.Output, error) {
		cfg := defaults()
		if err := n.Decode(&cfg); err != nil {
			return nil, err
		}
		return open(p, cfg)
	}
}

// outputConfig holds the keys every output has, in the spellings of the
// formulas and in our own.
type outputConfig struct {
	Engine   string `yaml:"engine"`
	Encoder  string `yaml:"encoder"`
	Matcher  string `yaml:"message_matcher"`
	Buffered *bool  `yaml:"use_buffering"`

	Buffering        bufferConfig `yaml:"buffering"`
	MaxBufferSize    int64        `yaml:"max_buffer_size"`
	MaxFileSize      int64        `yaml:"max_file_size"`
	FullAction       string       `yaml:"full_action"`
	Sync             string       `yaml:"sync"`
	OldMaxBufferSize int64        `yaml:"buffering_max_buffer_size"`
	OldMaxFileSize   int64        `yaml:"buffering_max_file_size"`
	OldFullAction    string       `yaml:"buffering_full_action"`

	FlushInterval milliseconds `yaml:"flush_interval"`
	FlushCount    int          `yaml:"flush_count"`
	FlushBytes    int          `yaml:"flush_bytes"`
	Retries       retryConfig  `yaml:"retries"`
	SendTimeout   milliseconds `yaml:"send_timeout"`
	CanExit       bool         `yaml:"can_exit"`
}

type bufferConfig struct {
	MaxBufferSize     int64  `yaml:"max_buffer_size"`
	MaxFileSize       int64  `yaml:"max_file_size"`
	FullAction        string `yaml:"full_action"`
	Sync              string `yaml:"sync"`
	CursorUpdateCount int    `yaml:"cursor_update_count"`
}

type retryConfig struct {
	Delay      time.Duration `yaml:"delay"`
	MaxDelay   time.Duration `yaml:"max_delay"`
	MaxJitter  time.Duration `yaml:"max_jitter"`
	MaxRetries int           `yaml:"max_retries"` // -1 and 0: without end
}

var outputKeys = []string{
	"engine", "encoder", "message_matcher", "use_buffering", "buffering", "max_buffer_size", "max_file_size", "full_action", "sync",
	"buffering_max_buffer_size", "buffering_max_file_size", "buffering_full_action", "flush_interval", "flush_count", "flush_bytes",
	"retries", "send_timeout", "can_exit",
}

// milliseconds is a duration whose bare numbers count milliseconds.
type milliseconds time.Duration

// UnmarshalConfig reads "5s", or 5000.
func (m *milliseconds) UnmarshalConfig(n *config.Node) error {
	text := n.Text()
	if text != "" && strings.Trim(text, "0123456789.") == "" {
		text += "ms"
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return n.Errorf("%q is not a duration; write 500ms, 5s, or a number of milliseconds", n.Text())
	}
	*m = milliseconds(d)
	return nil
}

func (p *parts) buildOutputs() {
	table := outputPlugins()
	p.each("output", func(name string, n *config.Node) {
		var c outputConfig
		p.fail(n.Only(outputKeys...).Decode(&c))
		if c.Engine == "dashboard" {
			p.notice(n, "the dashboard is part of every daemon: see its admin address")
			return
		}
		c.Engine = p.betterEngine(n, &c)
		plugin, ok := table[c.Engine]
		if embedded, found := p.d.opt.Outputs[c.Engine]; found {
			ok = true
			plugin = outputPlugin{encoder: "protobuf", full: buffer.Drop, build: func(*parts, string, *config.Node) (pipeline.Output, error) { return embedded(name), nil }}
		}
		if !ok {
			p.unknownEngine(n, "output", c.Engine, slices.Sorted(maps.Keys(table)))
			return
		}
		out, err := plugin.build(p, name, n.Without(outputKeys...))
		if err != nil {
			p.fail(placed(n, err))
			return
		}
		if c, ok := out.(interface{ Close() error }); ok {
			p.closers = append(p.closers, c.Close)
		}
		p.addOutput(name, n, &c, plugin, out)
	})
}

// betterEngine replaces an engine of a model made for Heka by the output that
// knows the far side's protocol: what Heka sent blindly, it checks.
func (p *parts) betterEngine(n *config.Node, c *outputConfig) string {
	encoder := p.encoderEngine(c.Encoder)
	better := c.Engine
	switch {
	case c.Engine == "udp" && encoder == "status_sensu":
		better = "sensu"
	case c.Engine == "http" && encoder == "status_nagios":
		better = "nagios"
	case c.Engine == "http" && strings.Contains(n.Get("address").Text(), "/write"):
		better = "influxdb"
	}
	if better != c.Engine {
		p.notice(n, "engine %s is replaced by %s, which checks the answers", c.Engine, better)
	}
	return better
}

// encoderEngine names what a reference to an encoder comes down to.
func (p *parts) encoderEngine(ref string) string {
	section := p.section("encoder", ref)
	if section == nil {
		return ref
	}
	file := section.Get("module_file").Text()
	if file == "" {
		return section.Get("engine").Text()
	}
	return strings.TrimSuffix(file[strings.LastIndexByte(file, '/')+1:], ".lua")
}

func (p *parts) addOutput(name string, n *config.Node, c *outputConfig, plugin outputPlugin, out pipeline.Output) {
	batch := plugin.batch
	if c.FlushInterval > 0 {
		batch.Interval = time.Duration(c.FlushInterval)
	}
	batch.Count = c.FlushCount
	batch.Bytes = cmp.Or(c.FlushBytes, batch.Bytes, 256<<10)
	p.queues = append(p.queues, queueSpec{len(p.spec.Outputs), name, p.queueOptions(n, c, plugin)})
	want, encode := p.matcher(n, c.Matcher), p.encoder(n, cmp.Or(c.Encoder, plugin.encoder))
	p.spec.Outputs = append(p.spec.Outputs, pipeline.OutputSpec{
		Name: name, Matcher: want, NewEncoder: p.silenced(encode, want), Output: out, Batch: batch,
		Retry: pipeline.RetryOptions{
			Delay: c.Retries.Delay, MaxDelay: c.Retries.MaxDelay, MaxJitter: c.Retries.MaxJitter,
			MaxRetries: max(c.Retries.MaxRetries, 0), Timeout: time.Duration(c.SendTimeout),
		},
		DeadLetter: filepath.Join(p.d.opt.DataDir, "dead_letter", name+".ndjson"),
	})
}

// silenced puts an aggregator's silences before an encoder.
func (p *parts) silenced(encode func() pipeline.Encoder, want *matcher.Matcher) func() pipeline.Encoder {
	if p.d.silences == nil {
		return encode
	}
	return func() pipeline.Encoder { return p.d.silences.Wrap(encode(), want) }
}

func (p *parts) queueOptions(n *config.Node, c *outputConfig, plugin outputPlugin) buffer.Options {
	q := buffer.Options{
		MaxBytes:     cmp.Or(c.MaxBufferSize, c.Buffering.MaxBufferSize, c.OldMaxBufferSize),
		SegmentBytes: cmp.Or(c.MaxFileSize, c.Buffering.MaxFileSize, c.OldMaxFileSize),
		FullAction:   buffer.FullAction(cmp.Or(c.FullAction, c.Buffering.FullAction, c.OldFullAction, string(plugin.full))),
		Sync:         buffer.Sync(cmp.Or(c.Sync, c.Buffering.Sync)),
		InFlight:     pipeline.MaxInFlight,
		Logger:       p.log.With("output", n.Path()),
	}
	if err := q.Check(); err != nil {
		p.fail(n.Errorf("%v", err))
	}
	if q.SegmentBytes > 0 {
		// Files of the original are large because it frees whole ones only and
		// seldom; ours are as small as the queue needs them.
		p.notice(n, "max_file_size is chosen by the queue itself")
		q.SegmentBytes = 0
	}
	if c.Buffered != nil && !*c.Buffered {
		p.notice(n, "use_buffering: false gives the output a small queue that keeps the newest")
		q.MaxBytes, q.FullAction = 16<<20, buffer.DropOldest
	}
	return q
}

// placed gives an error the place of n unless it has one of its own.
func placed(n *config.Node, err error) error {
	if isPlaced(err) {
		return err
	}
	return n.Errorf("%v", err)
}
