package alarmtest

import (
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"

	"github.com/tocsin-lma/tocsin/pkg/config"
)

// defaultStart is the Unix time of `at: 0` when a file names none.
const defaultStart = 1500000000

// File is a parsed test file.
type File struct {
	Path  string
	Tests []*Test
	base  *config.Node // model files, then inline
	cache modelCache
}

// Test is one test of a file, ready to run.
type Test struct {
	File        string
	Name        string
	Line        int
	role        string
	hostname    string
	start       float64
	model       *config.Node
	shared      bool // model is the file's: what is loaded from it can be kept
	file        *File
	cache       modelCache
	loadError   *regexp.Regexp
	loadWarning *regexp.Regexp
	steps       []step
	groups      int // numbers of `ticks` runs, for expect_times
}

type fileConfig struct {
	Model      []string       `yaml:"model"`
	Inline     *config.Node   `yaml:"inline"`
	Evaluation string         `yaml:"evaluation"`
	Start      float64        `yaml:"start"`
	Tests      []*config.Node `yaml:"tests"`
}

type testConfig struct {
	Name        string         `yaml:"name"`
	Description string         `yaml:"description"`
	Role        string         `yaml:"role"`
	Hostname    string         `yaml:"hostname"`
	LoadError   string         `yaml:"load_error"`
	LoadWarning string         `yaml:"load_warning"`
	Evaluation  string         `yaml:"evaluation"`
	Start       *float64       `yaml:"start"`
	Inline      *config.Node   `yaml:"inline"`
	Steps       []*config.Node `yaml:"steps"`
}

// ParseFile reads a test file and the models it names. All errors are reported
// together and name file and line.
func ParseFile(path string) (*File, error) {
	n, err := config.LoadPaths(path)
	if err != nil {
		return nil, err
	}
	cfg := fileConfig{Start: defaultStart}
	if err := n.Decode(&cfg); err != nil {
		return nil, err
	}
	f := &File{Path: path}
	paths := make([]string, len(cfg.Model))
	for i, p := range cfg.Model {
		paths[i] = p
		if !filepath.IsAbs(p) {
			paths[i] = filepath.Join(filepath.Dir(path), p)
		}
	}
	shipped, err := loadModel(paths)
	if err != nil {
		return nil, fmt.Errorf("load model of %s: %w", path, err)
	}
	override, err := evaluationNode(n.Get("evaluation"), cfg.Evaluation)
	if err != nil {
		return nil, err
	}
	f.base = config.Merge(lift(shipped), lift(cfg.Inline), override)
	var errs []error
	seen := map[string]int{}
	for _, tn := range cfg.Tests {
		t, err := f.parseTest(tn, cfg.Start)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if before, twice := seen[t.Name]; twice {
			errs = append(errs, tn.Errorf("test %q has the name of the one at line %d; choose another", t.Name, before))
		}
		seen[t.Name] = t.Line
		f.Tests = append(f.Tests, t)
	}
	return f, errors.Join(errs...)
}

// loadModel reads the model that a test file names. Tests that stand beside the
// alarms of a folder are no part of it.
func loadModel(paths []string) (*config.Node, error) {
	sources, err := config.ReadPaths(paths...)
	if err != nil {
		return nil, err
	}
	parts := make([]*config.Node, 0, len(sources))
	var errs []error
	for _, s := range sources {
		n, err := config.Load(s)
		if err != nil {
			errs = append(errs, err)
		} else if n.Get("tests").Kind() != config.List || slices.Contains(paths, s.Name) {
			parts = append(parts, n)
		}
	}
	return config.Merge(parts...), errors.Join(errs...)
}

// lift makes n fit for merging at the top.
func lift(n *config.Node) *config.Node {
	if n.Kind() != config.Map {
		return nil
	}
	return n
}

func evaluationNode(at *config.Node, word string) (*config.Node, error) {
	if word == "" {
		return nil, nil
	}
	if word != "strict" && word != "compatible" {
		return nil, at.Errorf("unknown evaluation %q; want strict or compatible", word)
	}
	return config.Load(config.Source{Name: at.Pos().File, Data: []byte("aggregator: {evaluation: " + word + "}")})
}

func roles() []string {
	return []string{"metric_collector", "remote_collector", "aggregator", "chain", "encoder"}
}

func (f *File) parseTest(n *config.Node, start float64) (*Test, error) {
	cfg := testConfig{Role: "metric_collector", Hostname: "node-1"}
	if err := n.Decode(&cfg); err != nil {
		return nil, err
	}
	t := &Test{File: f.Path, Name: cfg.Name, Line: n.Pos().Line, role: cfg.Role, hostname: cfg.Hostname, start: start, file: f}
	if cfg.Name == "" {
		return nil, n.Errorf("name is missing; every test has one")
	}
	if !slices.Contains(roles(), cfg.Role) {
		return nil, n.Get("role").Errorf("unknown role %q; want metric_collector, remote_collector, aggregator, chain or encoder", cfg.Role)
	}
	if cfg.Start != nil {
		t.start = *cfg.Start
	}
	override, err := evaluationNode(n.Get("evaluation"), cfg.Evaluation)
	if err != nil {
		return nil, err
	}
	t.shared = !cfg.Inline.Exists() && override == nil
	t.model = f.base
	if !t.shared {
		t.model = config.Merge(f.base, lift(cfg.Inline), override)
	}
	if t.loadError, err = compile(n.Get("load_error")); err != nil {
		return nil, err
	}
	if t.loadWarning, err = compile(n.Get("load_warning")); err != nil {
		return nil, err
	}
	if len(cfg.Steps) == 0 && t.loadError == nil && t.loadWarning == nil {
		return nil, n.Errorf("test %q has no steps and expects neither load_error nor load_warning: it would test nothing", cfg.Name)
	}
	return t, t.parseSteps(cfg.Steps)
}

func compile(n *config.Node) (*regexp.Regexp, error) {
	if !n.Exists() {
		return nil, nil
	}
	re, err := regexp.Compile(n.Text())
	if err != nil {
		return nil, n.Errorf("%q is not a regular expression: %v", n.Text(), err)
	}
	return re, nil
}
