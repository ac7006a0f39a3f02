package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/tocsin-lma/tocsin/pkg/afd"
	"github.com/tocsin-lma/tocsin/pkg/config"
	"github.com/tocsin-lma/tocsin/pkg/daemon"
	"github.com/tocsin-lma/tocsin/pkg/gse"
)

// replayModel is what a replay evaluates: the alarms of both kinds of collectors
// and the clusters.
type replayModel struct {
	alarms   map[daemon.Role][]afd.Definition
	interval map[daemon.Role]time.Duration // between two evaluations of all alarms
	clusters gse.Model
	tags     map[string]string
}

const (
	replayAlarmInterval   = 10 * time.Second
	replayClusterInterval = time.Second
)

// loadReplayModel loads the model as the daemons do: the shipped one, the files
// of this host, then paths. The error wraps daemon.ErrConfig.
func loadReplayModel(paths []string, noDefaults bool) (*replayModel, error) {
	m := &replayModel{alarms: map[daemon.Role][]afd.Definition{}, interval: map[daemon.Role]time.Duration{}, tags: map[string]string{}}
	var errs []error
	for _, role := range []daemon.Role{daemon.MetricCollector, daemon.RemoteCollector, daemon.Aggregator} {
		whole, err := daemon.LoadModel(role, paths, nil, noDefaults)
		if err != nil {
			return nil, fmt.Errorf("%w:\n%w", daemon.ErrConfig, err)
		}
		n := whole.Get(string(role))
		if role == daemon.Aggregator {
			m.clusters, _, err = gse.Load(n)
			errs = append(errs, err)
			m.readTags(whole.Get("global"))
			continue
		}
		m.alarms[role], _, err = afd.Load(n)
		errs = append(errs, err)
		interval := replayAlarmInterval
		if v := n.Get("alarm_interval"); v.Exists() {
			errs = append(errs, v.Decode(&interval))
		}
		m.interval[role] = max(interval, time.Second)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("%w:\n%w", daemon.ErrConfig, err)
	}
	return m, nil
}

func (m *replayModel) readTags(global *config.Node) {
	for _, name := range []string{"environment_label", "region", "availability_zone"} {
		if v := global.Get(name); v.Kind() == config.Scalar && v.Text() != "" {
			m.tags[name] = v.Text()
		}
	}
}
