package encoders

import (
	"fmt"
	"strings"

	"github.com/tocsin-lma/tocsin/pkg/health"
	"github.com/tocsin-lma/tocsin/pkg/message"
)

// MailConfig is the section of the status_smtp encoder.
type MailConfig struct {
	// MaxClusters bounds how many clusters' last status is remembered.
	MaxClusters int `yaml:"max_clusters"`
}

// DefaultMailConfig returns the settings that hold when the model says nothing.
func DefaultMailConfig() MailConfig { return MailConfig{MaxClusters: 10000} }

// Mail makes mails of the changes of clusters' status: the first line is the
// subject, the others are the text. A first sighting that is OKAY makes none.
// In a batch a NUL ends each mail.
type Mail struct {
	cfg  MailConfig
	opt  Options
	last map[mailKey]health.Status
}

type mailKey struct{ kind, cluster string }

// NewMail makes the encoder.
func NewMail(cfg MailConfig, opt Options) (*Mail, error) {
	if cfg.MaxClusters <= 0 {
		cfg.MaxClusters = DefaultMailConfig().MaxClusters
	}
	return &Mail{cfg: cfg, opt: opt, last: map[mailKey]health.Status{}}, nil
}

// Encode appends a mail when the status of a cluster changed.
func (e *Mail) Encode(dst []byte, m *message.Message) ([]byte, error) {
	cluster, _ := m.Text("cluster_name")
	if cluster == "" {
		return dst, fmt.Errorf("encode mail: %s has no field cluster_name: %w", m.Type, message.ErrPermanent)
	}
	code, ok := m.Number("value")
	if !ok {
		return dst, fmt.Errorf("encode mail for cluster %s: no numeric field value: %w", cluster, message.ErrPermanent)
	}
	status, ok := health.FromCode(code)
	if !ok {
		return dst, fmt.Errorf("encode mail for cluster %s: %v is no status, want 0 to 4: %w", cluster, code, message.ErrPermanent)
	}
	key := mailKey{plainType(m.Type), cluster}
	before, known := e.last[key]
	if (!known && status == health.Okay) || (known && status == before) {
		return dst, nil
	}
	if !known {
		if len(e.last) >= e.cfg.MaxClusters {
			return dst, fmt.Errorf("encode mail for cluster %s: %d clusters are remembered already; raise max_clusters: %w", cluster, len(e.last), message.ErrPermanent)
		}
		key = mailKey{strings.Clone(key.kind), strings.Clone(key.cluster)}
	}
	e.last[key] = status
	dst = append(append(dst, cluster...), " status "...)
	if known {
		dst = append(append(append(dst, before.Label()...), " -> "...), status.Label()...)
	} else {
		dst = append(append(dst, "is "...), status.Label()...)
	}
	lines := AlarmLines(m.Payload)
	if len(lines) == 0 {
		lines = []string{"no detail"}
	}
	for _, line := range lines {
		dst = append(append(dst, '\n'), line...)
	}
	if e.opt.Bare {
		return dst, nil
	}
	return append(dst, 0), nil
}
