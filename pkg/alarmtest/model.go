package alarmtest

import (
	"errors"
	"sync"

	"github.com/tocsin-lma/tocsin/pkg/afd"
	"github.com/tocsin-lma/tocsin/pkg/config"
	"github.com/tocsin-lma/tocsin/pkg/gse"
)

// models is a loaded model: plain data that may be shared between tests.
type models struct {
	node      *config.Node
	collector []afd.Definition
	remote    []afd.Definition
	gse       gse.Model
	tags      map[string]string
	warnings  []error
}

// modelCache keeps what was loaded: of a test, or of a file for the tests that
// have no model of their own.
type modelCache struct {
	once sync.Once
	m    *models
	err  error
}

func (t *Test) load() (*models, error) {
	c, n := &t.cache, t.model
	if t.shared {
		c, n = &t.file.cache, t.file.base
	}
	c.once.Do(func() { c.m, c.err = loadModels(n) })
	return c.m, c.err
}

func loadModels(n *config.Node) (*models, error) {
	m := &models{node: n, tags: map[string]string{}}
	var errs []error
	for _, k := range n.Keys() {
		switch k {
		case "log_collector", "metric_collector", "remote_collector", "aggregator", "global":
		default:
			errs = append(errs, n.Get(k).KeyErrorf("unknown key %q at the top of a model; want metric_collector, remote_collector, aggregator, log_collector or global", k))
		}
	}
	take := func(warnings []error, err error) {
		m.warnings = append(m.warnings, warnings...)
		if err != nil {
			errs = append(errs, err)
		}
	}
	var warnings []error
	var err error
	m.collector, warnings, err = afd.Load(n.Get("metric_collector"))
	take(warnings, err)
	m.remote, warnings, err = afd.Load(n.Get("remote_collector"))
	take(warnings, err)
	m.gse, warnings, err = gse.Load(n.Get("aggregator"))
	take(warnings, err)
	for _, k := range []string{"environment_label", "region", "availability_zone"} {
		if v := n.Get("global", k); v.Kind() == config.Scalar && v.Text() != "" {
			m.tags[k] = v.Text()
		}
	}
	return m, errors.Join(errs...)
}
