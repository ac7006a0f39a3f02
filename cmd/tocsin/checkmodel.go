package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/tocsin-lma/tocsin/alarms"
	"github.com/tocsin-lma/tocsin/pkg/config"
	"github.com/tocsin-lma/tocsin/pkg/daemon"
	"github.com/tocsin-lma/tocsin/pkg/lint"
	"github.com/tocsin-lma/tocsin/pkg/lint/fuel"
)

// checkModel is one model to be checked, with what a daemon needs to load it.
type checkModel struct {
	node       *config.Node
	roles      []daemon.Role
	sources    []config.Source
	paths      []string
	noDefaults bool
	converted  *fuel.Model // nil: the model is in our layout
	warnings   []error
}

const convertedSource = "(converted)"

// loadCheckModels loads what is to be checked: one model without roles, else one
// for every role.
func loadCheckModels(f checkFlags, paths []string) ([]checkModel, error) {
	if len(f.roles) == 0 && len(paths) > 0 {
		m, err := loadAlone(f, paths)
		if err != nil {
			return nil, fmt.Errorf("%w:\n%w", daemon.ErrConfig, err)
		}
		return []checkModel{m}, nil
	}
	roles := daemon.Roles()
	if len(f.roles) > 0 {
		roles = nil
		for _, word := range f.roles {
			role, err := daemon.ParseRole(word)
			if err != nil {
				return nil, usageError{err.Error()}
			}
			roles = append(roles, role)
		}
	}
	var models []checkModel
	var errs []error
	for _, role := range roles {
		m := checkModel{roles: []daemon.Role{role}, noDefaults: f.noDefaults}
		var err error
		if m.sources, m.converted, err = readModel(f, paths); err == nil {
			m.node, err = daemon.LoadModel(role, nil, m.sources, f.noDefaults)
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		models = append(models, m)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("%w:\n%w", daemon.ErrConfig, distinct(err))
	}
	return models, nil
}

// distinct leaves out errors that say the same; every role may say it.
func distinct(err error) error {
	var out []error
	for _, e := range flatten(err) {
		if !slices.ContainsFunc(out, func(o error) bool { return o.Error() == e.Error() }) {
			out = append(out, e)
		}
	}
	return errors.Join(out...)
}

// loadAlone loads the files and the shipped policies, nothing else.
func loadAlone(f checkFlags, paths []string) (checkModel, error) {
	m := checkModel{noDefaults: true}
	var err error
	if m.sources, m.converted, err = readModel(f, paths); err != nil {
		return m, err
	}
	if m.converted != nil {
		m.warnings = m.converted.Warnings
	}
	policies, err := alarms.FS.ReadFile("policies.yml")
	if err != nil {
		return m, fmt.Errorf("read shipped policies: %w", err)
	}
	own, err := config.Load(m.sources...)
	if err != nil {
		return m, err
	}
	m.roles = rolesIn(own)
	m.sources = slices.Insert(m.sources, 0, config.Source{Name: "shipped:alarms/policies.yml", Data: policies})
	m.node, err = config.Load(m.sources...)
	return m, err
}

// readModel reads files and folders; of folders, what is no list of tests.
func readModel(f checkFlags, paths []string) ([]config.Source, *fuel.Model, error) {
	var sources []config.Source
	for _, path := range paths {
		found, err := config.ReadPaths(path)
		if err != nil {
			return nil, nil, err
		}
		if info, err := os.Stat(path); err == nil && info.IsDir() {
			found = slices.DeleteFunc(found, func(s config.Source) bool { return isTest(s) })
		}
		sources = append(sources, found...)
	}
	if f.from == "" {
		return sources, nil, nil
	}
	m, err := convertFuel(sources, fuel.Options{})
	if err != nil {
		return nil, nil, err
	}
	return []config.Source{{Name: convertedSource, Data: m.YAML}}, m, nil
}

func convertFuel(sources []config.Source, opt fuel.Options) (*fuel.Model, error) {
	for i := range sources {
		sources[i].Data = fuel.WithoutRepeats(sources[i].Data)
	}
	n, err := config.Load(sources...)
	if err != nil {
		return nil, err
	}
	return fuel.Convert(n, opt)
}

func isTest(s config.Source) bool {
	n, err := config.Load(s)
	return err == nil && n.Get("tests").Kind() == config.List
}

// modelName returns the name of a shipped file; false for its tests.
func modelName(file string) (string, bool) {
	name, ok := strings.CutSuffix(file, ".yml")
	return name, ok && !strings.HasSuffix(name, "_test")
}

// placed gives the errors about a converted model the places they came from.
func (m *checkModel) placed(err error) error {
	if m.converted == nil {
		return err
	}
	var out []error
	for _, e := range flatten(err) {
		var about *config.Error
		if errors.As(e, &about) && about.Pos.File == convertedSource {
			if pos, ok := m.converted.Where(about.Path); ok {
				e = &config.Error{Pos: pos, Path: about.Path, Msg: about.Msg}
			}
		}
		out = append(out, e)
	}
	return errors.Join(out...)
}

func (m *checkModel) placedFinding(f lint.Finding) lint.Finding {
	if m.converted != nil && f.Pos.File == convertedSource {
		if pos, ok := m.converted.Where(f.Path); ok {
			f.Pos, f.File, f.Line = pos, pos.File, pos.Line
		}
	}
	return f
}

// flatten lists the errors that were joined.
func flatten(err error) []error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var out []error
		for _, e := range joined.Unwrap() {
			out = append(out, flatten(e)...)
		}
		return out
	}
	return []error{err}
}
