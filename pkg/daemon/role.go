package daemon

import (
	"fmt"
	"strings"
)

// Role is a top-level section of the model: what one daemon does.
type Role string

// The roles.
const (
	LogCollector        Role = "log_collector"
	MetricCollector     Role = "metric_collector"
	RemoteCollector     Role = "remote_collector"
	Aggregator          Role = "aggregator"
	CeilometerCollector Role = "ceilometer_collector"
)

// Roles returns every role.
func Roles() []Role {
	return []Role{LogCollector, MetricCollector, RemoteCollector, Aggregator, CeilometerCollector}
}

// ParseRole reads a role's word; short forms without "_collector" count too.
func ParseRole(word string) (Role, error) {
	for _, r := range Roles() {
		if word == string(r) || word == strings.TrimSuffix(string(r), "_collector") {
			return r, nil
		}
	}
	return "", fmt.Errorf("unknown role %q; the roles are log_collector, metric_collector, remote_collector, aggregator and ceilometer_collector", word)
}

// Binary is the name of the role's daemon, and of its data folder.
func (r Role) Binary() string { return strings.ReplaceAll(string(r), "_", "") }

// AdminAddress is where the role's admin server listens unless told otherwise.
func (r Role) AdminAddress() string {
	switch r {
	case LogCollector:
		return "127.0.0.1:8341"
	case MetricCollector:
		return "127.0.0.1:8342"
	case RemoteCollector:
		return "127.0.0.1:8343"
	case CeilometerCollector:
		return "127.0.0.1:8344"
	}
	return "127.0.0.1:8340"
}
