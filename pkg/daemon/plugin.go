package daemon

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/tocsin-lma/tocsin/pkg/config"
	"github.com/tocsin-lma/tocsin/pkg/message"
	"github.com/tocsin-lma/tocsin/pkg/pipeline"
	"github.com/tocsin-lma/tocsin/pkg/sandbox"
	"github.com/tocsin-lma/tocsin/plugins"
)

// sandboxConfig holds the keys of every Lua plugin.
type sandboxConfig struct {
	ModuleFile       string       `yaml:"module_file"`
	Filename         string       `yaml:"filename"`
	ModuleDir        string       `yaml:"module_dir"`
	ModuleDirectory  string       `yaml:"module_directory"`
	PreserveData     bool         `yaml:"preserve_data"`
	MemoryLimit      int          `yaml:"memory_limit"`
	InstructionLimit int          `yaml:"instruction_limit"`
	OutputLimit      int          `yaml:"output_limit"`
	ProcessInject    int          `yaml:"max_process_inject"`
	TimerInject      int          `yaml:"max_timer_inject"`
	TimerOnShutdown  bool         `yaml:"timer_event_on_shutdown"`
	Hostname         string       `yaml:"hostname"`
	Profile          bool         `yaml:"profile"`
	CanExit          *bool        `yaml:"can_exit"`
	AdjustTimezone   bool         `yaml:"adjust_timezone"`
	ScriptType       string       `yaml:"script_type"`
	Config           *config.Node `yaml:"config"`
}

var sandboxKeys = []string{
	"module_file", "filename", "module_dir", "module_directory", "preserve_data", "memory_limit", "instruction_limit", "output_limit",
	"max_process_inject", "max_timer_inject", "timer_event_on_shutdown", "hostname", "profile", "can_exit", "adjust_timezone", "script_type", "config",
}

// sandboxOptions turns the section of a Lua plugin into what opens it. The file
// is read here, so that a missing one is an error of the model.
func (p *parts) sandboxOptions(kind sandbox.Kind, name string, n *config.Node) (sandbox.Options, error) {
	var c sandboxConfig
	if err := n.Only(sandboxKeys...).Decode(&c); err != nil {
		return sandbox.Options{}, err
	}
	o := sandbox.Options{
		Kind: kind, Name: name, Hostname: p.global.Hostname, Tags: p.tags(), Config: configTable(c.Config),
		Limits: sandbox.Limits{
			Memory: c.MemoryLimit, Instructions: c.InstructionLimit, Output: c.OutputLimit,
			ProcessInjection: c.ProcessInject, TimerInjection: c.TimerInject,
		},
		TimerOnShutdown: c.TimerOnShutdown, Cache: p.cache,
	}
	if c.Hostname != "" {
		o.Hostname = c.Hostname
	}
	if o.Config == nil {
		o.Config = map[string]any{}
	}
	if _, given := o.Config["hostname"]; !given {
		// The formulas render this host's name into most plugins' settings.
		o.Config["hostname"] = o.Hostname
	}
	if c.PreserveData {
		o.PreserveFile = filepath.Join(p.d.opt.DataDir, "sandbox_preservation", name+".data")
		o.PreserveEvery = 10 * time.Second
	}
	shipped, err := fs.Sub(plugins.FS, "lua/modules")
	if err != nil {
		return o, fmt.Errorf("open the shipped modules: %w", err)
	}
	o.Shipped = shipped
	for _, dir := range strings.Split(c.ModuleDir+";"+c.ModuleDirectory, ";") {
		if info, err := os.Stat(dir); dir != "" && err == nil && info.IsDir() {
			o.ModuleDirs = append(o.ModuleDirs, dir)
		}
	}
	file := c.ModuleFile
	if file == "" {
		file = c.Filename
	}
	if file == "" {
		file = name + ".lua"
	}
	o.Script, o.Source, err = p.script(kind, n, file)
	o.FromDisk = err == nil && fileExists(o.Script)
	return o, err
}

// script reads a plugin's text: the file itself, or the shipped plugin of that
// name where the model names a place that does not exist on this host.
func (p *parts) script(kind sandbox.Kind, n *config.Node, file string) (name string, text []byte, err error) {
	text, err = os.ReadFile(file)
	if err == nil {
		return file, text, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", nil, n.Errorf("read plugin: %v", err)
	}
	shipped := path.Join("lua", kind.String()+"s", path.Base(file))
	if text, err = plugins.FS.ReadFile(shipped); err != nil {
		return "", nil, n.Errorf("plugin %s is neither a file nor a shipped %s; 'tocsin plugin list' names those", file, kind)
	}
	if strings.Contains(file, "/") {
		p.notice(n, "%s does not exist here; the shipped plugin %s is used", file, path.Base(file))
	}
	return shipped, text, nil
}

// configTable is the table that read_config reads from.
func configTable(n *config.Node) map[string]any {
	table, _ := n.Value().(map[string]any)
	for key, value := range table {
		if i, ok := value.(int64); ok {
			table[key] = float64(i) // Lua has one kind of number
		}
	}
	return table
}

// sandboxFilter is a Lua filter as the pipeline wants it.
type sandboxFilter struct {
	plugin *sandbox.Reloader
	name   string
	board  *board
}

// newSandboxFilter opens a filter. One that replaces a filter that has died takes the
// version on trial, if there is one: it cannot prove itself beside the dead one.
func newSandboxFilter(l *livePlugin, b *board) (*sandboxFilter, error) {
	l.versions.Accept(time.Now())
	plugin, err := sandbox.NewReloader(l.versions)
	if err != nil {
		return nil, err
	}
	return &sandboxFilter{plugin, l.name, b}, nil
}

// Process hands a message to process_message.
func (f *sandboxFilter) Process(m *message.Message, emit message.Emit) error {
	result, err := f.plugin.Process(m, emit)
	if err != nil {
		return terminal(err)
	}
	if result.Code < 0 {
		return fmt.Errorf("process_message returned %d: %s", result.Code, result.Text)
	}
	return nil
}

// Tick calls timer_event.
func (f *sandboxFilter) Tick(now time.Time, emit message.Emit) error {
	err := terminal(f.plugin.Timer(now, emit))
	f.board.plugin(f.name, f.plugin.Stats())
	return err
}

// Close saves what the plugin preserves.
func (f *sandboxFilter) Close() error {
	return f.plugin.Close(func(*message.Message) error { return nil })
}

// terminal marks the errors that end a plugin for the pipeline.
func terminal(err error) error {
	var ended *sandbox.Terminated
	if errors.As(err, &ended) {
		return fmt.Errorf("%w: %w", pipeline.ErrTerminated, err)
	}
	return err
}

func fileExists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
