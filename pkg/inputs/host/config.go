// Package host measures the machine it runs on: processors, memory, swap, load,
// file systems, disks, interfaces, processes, failed units, certificates. Its
// metrics have the names, fields and units that collectd's plugins have behind the
// collectd decoder, so alarms work with either.
//
// Invariant: a metric is emitted only when it was measured; a rate needs two
// measurements, so the first round has none.
//
//	Run (1): ticks, measures, emits, commits
package host

import (
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"time"
)

// Config is the section of a host input.
type Config struct {
	Interval         time.Duration     `yaml:"interval"`
	Collect          []string          `yaml:"collect"`           // groups to measure; default: all
	IgnoreInterfaces string            `yaml:"ignore_interfaces"` // RE2 on names
	IgnoreDisks      string            `yaml:"ignore_disks"`      // RE2 on names
	IgnoreMounts     string            `yaml:"ignore_mounts"`     // RE2 on mount points
	Processes        map[string]string `yaml:"processes"`         // service -> RE2 on command lines
	Certificates     []string          `yaml:"certificates"`      // PEM files, or patterns of their names
}

// DefaultConfig returns the settings that hold when the model says nothing.
func DefaultConfig() Config {
	return Config{
		Interval:         10 * time.Second,
		IgnoreInterfaces: `^(lo|veth.*|cali.*|tap.*|qbr.*|qvb.*|qvo.*)$`,
		IgnoreDisks:      `^(loop|ram|zram|sr|fd)\d+$`,
		Certificates: []string{
			"/etc/letsencrypt/live/*/cert.pem", "/etc/kubernetes/pki/*.crt", "/etc/kubernetes/pki/etcd/*.crt", "/var/lib/kubelet/pki/*.crt",
			"/etc/etcd/pki/*.crt", "/etc/nginx/ssl/*.crt", "/etc/nginx/ssl/*.pem", "/etc/haproxy/*.pem", "/etc/haproxy/ssl/*.pem",
			"/etc/rabbitmq/ssl/*.pem", "/etc/mysql/ssl/*.pem",
		},
		IgnoreMounts: `^/(proc|sys|dev|run)(/|$)|^/var/lib/(docker|kubelet|containers)/|^/snap/`,
	}
}

// Options is what the daemon adds to the model.
type Options struct {
	Name     string // of the input
	Hostname string // tag of every metric
	Proc     string // root of the proc file system; default /proc
	Run      string // root of the run-time files; default /run
	Logger   *slog.Logger

	Systemctl string                                              // the command; default systemctl
	Clock     func() (offset time.Duration, kept bool, err error) // kept: something keeps the clock; default: the kernel's
}

func (c *Config) check() (interfaces, disks, mounts *regexp.Regexp, err error) {
	if c.Interval == 0 {
		c.Interval = DefaultConfig().Interval
	}
	if c.Interval < time.Second {
		return nil, nil, nil, fmt.Errorf("read host input: interval %s: want 1s or more", c.Interval)
	}
	compile := func(key, expr string) *regexp.Regexp {
		if expr == "" {
			expr = `^\b$` // nothing
		}
		re, compileErr := regexp.Compile(expr)
		if compileErr != nil {
			err = errors.Join(err, fmt.Errorf("read host input: %s: %w", key, compileErr))
		}
		return re
	}
	return compile("ignore_interfaces", c.IgnoreInterfaces), compile("ignore_disks", c.IgnoreDisks), compile("ignore_mounts", c.IgnoreMounts), err
}
