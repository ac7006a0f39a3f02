package daemon

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/tocsin-lma/tocsin/pkg/afd"
	"github.com/tocsin-lma/tocsin/pkg/buffer"
	"github.com/tocsin-lma/tocsin/pkg/config"
	"github.com/tocsin-lma/tocsin/pkg/gse"
	"github.com/tocsin-lma/tocsin/pkg/inputs/logstream"
	"github.com/tocsin-lma/tocsin/pkg/matcher"
	"github.com/tocsin-lma/tocsin/pkg/message"
	"github.com/tocsin-lma/tocsin/pkg/pipeline"
	"github.com/tocsin-lma/tocsin/pkg/sandbox"
	"github.com/tocsin-lma/tocsin/pkg/selfmon"
)

// Notice is something about the model that its author should know and that is
// no error: a key we do without, a part we do in another way.
type Notice struct {
	Pos  config.Pos
	Path string
	Text string
}

// parts is a pipeline that is checked and not yet started.
type parts struct {
	d       *Daemon
	log     *slog.Logger
	model   *config.Node
	role    *config.Node
	global  globalConfig
	notices []Notice
	errs    []error
	spec    pipeline.Options
	queues  []queueSpec
	closers []func() error
	// fingerprints tell which filters a later model leaves as they are.
	fingerprints map[string]string
	// evaluators of the generation before, whose series and facts live on
	previousAlarms   *afd.Set
	previousClusters *gse.Engine
	alarms           int // how many alarms this daemon evaluates
	cache            *sandbox.Cache
	journals         *logstream.Journals // of all inputs that read files
	plugins          []*livePlugin
}

// queueSpec is a queue to be opened when the one before it is closed.
type queueSpec struct {
	output int
	name   string
	opt    buffer.Options
}

// globalConfig is the section `global`.
type globalConfig struct {
	EnvironmentLabel string            `yaml:"environment_label"`
	Region           string            `yaml:"region"`
	AvailabilityZone string            `yaml:"availability_zone"`
	Hostname         string            `yaml:"hostname"`
	ExtraFields      map[string]string `yaml:"extra_fields"`
	Alarms           []string          `yaml:"alarms"`
	TLS              *config.Node      `yaml:"tls"`
	Admin            adminConfig       `yaml:"admin"`
	DrainTimeout     time.Duration     `yaml:"drain_timeout"`
	// WatchPlugins is the time between looks at the files of Lua plugins; 0: only SIGHUP.
	WatchPlugins time.Duration `yaml:"watch_plugins"`
	// PluginTrial is how many records a changed plugin is tried on; 100.
	PluginTrial int `yaml:"plugin_trial"`
}

type adminConfig struct {
	Address string `yaml:"address"`
	Pprof   bool   `yaml:"pprof"`
}

// build checks every part of the role's section, so that all errors of a model
// are told at once.
func build(d *Daemon, model *config.Node) (*parts, error) {
	p := &parts{d: d, log: d.log, model: model, role: model.Get(string(d.opt.Role)), fingerprints: map[string]string{}, cache: sandbox.NewCache()}
	p.fail(model.Get("global").Decode(&p.global))
	if p.global.Hostname == "" {
		p.global.Hostname = shortHostname()
	}
	for _, key := range model.Keys() {
		if _, err := ParseRole(key); err != nil && key != "global" && key != "engine" {
			p.fail(model.Get(key).KeyErrorf("unknown section %q%s", key, nearRole(key)))
		}
	}
	p.checkRoleKeys()
	if p.global.PluginTrial == 0 {
		p.global.PluginTrial = sandbox.DefaultShadow
	}
	if p.global.PluginTrial < 0 || p.global.WatchPlugins < 0 {
		p.fail(model.Get("global").Errorf("plugin_trial and watch_plugins must not be negative"))
	}
	p.spec.Logger = d.log
	p.spec.DrainTimeout = p.global.DrainTimeout
	p.buildInputs()
	p.buildFilters()
	p.buildOutputs()
	if len(p.errs) > 0 {
		p.close()
		return nil, errors.Join(p.errs...)
	}
	return p, nil
}

func nearRole(key string) string {
	words := []string{"global"}
	for _, r := range Roles() {
		words = append(words, string(r))
	}
	if near, ok := config.Nearest(key, words); ok {
		return fmt.Sprintf("; did you mean %q?", near)
	}
	return "; the sections are " + strings.Join(words, ", ")
}

func (p *parts) fail(err error) {
	if err != nil {
		p.errs = append(p.errs, err)
	}
}

func (p *parts) notice(n *config.Node, format string, args ...any) {
	p.notices = append(p.notices, Notice{Pos: n.Pos(), Path: n.Path(), Text: fmt.Sprintf(format, args...)})
}

// roleConfig holds the keys of a role.
type roleConfig struct {
	Sections      sectionKeys `yaml:",inline"`
	Enabled       *bool       `yaml:"enabled"`
	AlarmsEnabled *bool       `yaml:"alarms_enabled"`
	// AlarmInterval is the time between two evaluations of all alarms; 10 s.
	AlarmInterval  time.Duration `yaml:"alarm_interval"`
	Evaluation     string        `yaml:"evaluation"`
	MaxMessageSize int           `yaml:"max_message_size"`
}

// sectionKeys names the sections, so that a misspelt one is recognised.
type sectionKeys struct {
	Input        *config.Node `yaml:"input"`
	Splitter     *config.Node `yaml:"splitter"`
	Decoder      *config.Node `yaml:"decoder"`
	Filter       *config.Node `yaml:"filter"`
	Encoder      *config.Node `yaml:"encoder"`
	Output       *config.Node `yaml:"output"`
	Trigger      *config.Node `yaml:"trigger"`
	Alarm        *config.Node `yaml:"alarm"`
	Policy       *config.Node `yaml:"policy"`
	AlarmCluster *config.Node `yaml:"alarm_cluster"`
}

// renderedParameter tells the keys that the formulas put beside the sections:
// they were used up when the model was rendered.
func renderedParameter(key string) bool {
	for _, prefix := range []string{"influxdb_", "sensu_", "nagios_", "elasticsearch_", "amqp_", "telegraf_", "aggregator_", "metric_collector_", "remote_collector_", "log_collector_"} {
		if strings.HasPrefix(key, prefix) {
			return true
		}
	}
	switch key {
	case "poolsize", "automatic_starting", "emit_rates", "owner", "prefix_dir", "container_mode", "resource_decoding", "engine", "module_dir", "plugin_chansize", "maxprocs", "max_process_inject", "max_timer_inject":
		return true
	}
	return false
}

func (p *parts) checkRoleKeys() {
	var skip []string
	for _, key := range p.role.Keys() {
		if renderedParameter(key) {
			skip = append(skip, key)
			p.notice(p.role.Get(key), "%s is a parameter of the engine or formula this model was made for; it has no effect here", key)
		}
	}
	var rest roleConfig
	p.fail(p.role.Without(skip...).Decode(&rest))
}

// each calls build for every entry of a section that is enabled.
func (p *parts) each(section string, build func(name string, n *config.Node)) {
	for _, name := range p.role.Get(section).Keys() {
		n := p.role.Get(section, name)
		if !n.Exists() {
			continue // a later document took it away: "name: null"
		}
		var common struct {
			Enabled *bool `yaml:"enabled"`
		}
		p.fail(n.Only("enabled").Decode(&common))
		if common.Enabled == nil || *common.Enabled {
			build(name, n.Without("enabled"))
		}
	}
}

// unknownEngine is the error for an engine that no plugin has.
func (p *parts) unknownEngine(n *config.Node, kind, engine string, known []string) {
	hint := "; the engines are " + strings.Join(known, ", ")
	if near, ok := config.Nearest(engine, known); ok {
		hint = fmt.Sprintf("; did you mean %q?", near)
	}
	if engine == "" {
		p.fail(n.Errorf("the %s has no engine%s", kind, hint))
		return
	}
	p.fail(n.Get("engine").Errorf("no %s has the engine %q%s", kind, engine, hint))
}

// matcher parses the message_matcher of a filter or output.
func (p *parts) matcher(n *config.Node, text string) *matcher.Matcher {
	if text == "" {
		p.fail(n.Errorf("message_matcher is missing; write which messages it wants, such as \"Type == 'log'\", or FALSE for none"))
		return matcher.MustParse("FALSE")
	}
	// The formulas render TOML, where a backslash is written twice.
	m, err := matcher.Parse(strings.ReplaceAll(text, `\\`, `\`))
	if err != nil {
		p.fail(n.Get("message_matcher").Errorf("%v", err))
		return matcher.MustParse("FALSE")
	}
	return m
}

// tags are the fields every message of this daemon gets where it has none.
func (p *parts) tags() map[string]string {
	tags := map[string]string{}
	for name, value := range map[string]string{
		"environment_label": p.global.EnvironmentLabel, "region": p.global.Region, "availability_zone": p.global.AvailabilityZone,
	} {
		if value != "" {
			tags[name] = value
		}
	}
	for name, value := range p.global.ExtraFields {
		tags[name] = value
	}
	return tags
}

func (p *parts) options() pipeline.Options { return p.spec }

// open takes what only one generation can have at a time.
func (p *parts) open() error {
	for _, q := range p.queues {
		dir := filepath.Join(p.d.opt.DataDir, "output_queue", q.name)
		queue, err := buffer.Open(dir, q.opt)
		if err != nil {
			return fmt.Errorf("open the queue of output %s: %w", q.name, err)
		}
		p.closers = append(p.closers, queue.Close)
		p.spec.Outputs[q.output].Queue = queue
		p.d.watchQueue(q.name, queue)
	}
	return nil
}

// close releases what open and build took, newest first.
func (p *parts) close() {
	for i := len(p.closers) - 1; i >= 0; i-- {
		if err := p.closers[i](); err != nil {
			p.log.Error("closing failed", "error", err)
		}
	}
	p.closers = nil
}

// watchQueue enters a queue into the ledger and the metrics.
func (d *Daemon) watchQueue(name string, q *buffer.Queue) {
	d.ledger.Source("output", name, func() selfmon.Entry {
		s := q.Stats()
		return selfmon.Entry{Accepted: s.Accepted, Delivered: s.Delivered, Queued: s.Messages, Dropped: s.Dropped, DeadLettered: s.DeadLettered, Repeated: s.Repeated}
	})
	d.reg.GaugeFunc(func() float64 { return float64(q.Stats().Bytes) }, "tocsin_queue_size_bytes", "name", name)
	d.reg.GaugeFunc(func() float64 { return float64(q.Stats().MaxBytes) }, "tocsin_queue_limit_bytes", "name", name)
}

func shortHostname() string {
	name, err := os.Hostname()
	if err != nil || name == "" {
		return "localhost"
	}
	short, _, _ := strings.Cut(name, ".")
	return short
}

// isPlaced reports whether err names a place of the model.
func isPlaced(err error) bool {
	var e *config.Error
	return errors.As(err, &e)
}

// noticeOf makes a notice of a warning, with its place if it has one.
func noticeOf(warning error) Notice {
	var e *config.Error
	if errors.As(warning, &e) {
		return Notice{Pos: e.Pos, Path: e.Path, Text: e.Msg}
	}
	return Notice{Text: warning.Error()}
}

// String returns "place: path: text".
func (n Notice) String() string {
	return (&config.Error{Pos: n.Pos, Path: n.Path, Msg: n.Text}).Error()
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// discardMessage takes what a plugin emits when nobody wants it.
func discardMessage(*message.Message) error { return nil }
