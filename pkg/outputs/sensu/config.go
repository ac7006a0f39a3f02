package sensu

import (
	"errors"
	"fmt"
	"time"

	"github.com/tocsin-lma/tocsin/pkg/outputs/httpsend"
	"github.com/tocsin-lma/tocsin/pkg/outputs/stream"
)

// The ways to a Sensu agent or back end.
const (
	UDP     = "udp"     // client socket of an agent
	TCP     = "tcp"     // the same
	Agent   = "agent"   // HTTP interface of a Sensu Go agent
	Backend = "backend" // HTTP interface of a Sensu Go back end
)

const (
	socketPort   = 3030
	datagramSize = 1400 // bytes; the agent's buffer holds 1,500
)

// Config is the section of a Sensu output.
type Config struct {
	stream.Config `yaml:",inline"`

	Protocol string `yaml:"protocol"` // udp, tcp, agent or backend
	// MaxSize is the largest datagram, in bytes; the output text is cut to fit.
	MaxSize int `yaml:"max_size"`
	// Gap is the time between datagrams: an agent that gets hundreds at once
	// loses most of them.
	Gap time.Duration `yaml:"gap"`
	// WaitReply waits for the answer "ok" over TCP, which Sensu Core gives and
	// Sensu Go does not.
	WaitReply bool `yaml:"wait_reply"`

	URL       string `yaml:"url"`       // agent and backend: base URL
	Namespace string `yaml:"namespace"` // backend
	Username  string `yaml:"username"`  // backend
	Password  string `yaml:"password"`
	APIKey    string `yaml:"api_key"` // backend: in place of username and password
	// Timeout is that of one HTTP request; 0: none but the pipeline's.
	Timeout httpsend.Timeout `yaml:"timeout"`
}

// DefaultConfig returns the defaults: the UDP socket of the agent on this host.
func DefaultConfig() Config {
	return Config{
		Protocol: UDP, MaxSize: datagramSize, Gap: 2 * time.Millisecond, Namespace: "default",
	}
}

func (c Config) check() error {
	switch c.Protocol {
	case UDP, TCP:
	case Agent, Backend:
		if c.URL == "" {
			return errors.New("read url: missing; protocols agent and backend need it")
		}
	default:
		return fmt.Errorf("read protocol: %q is none of udp, tcp, agent, backend", c.Protocol)
	}
	if c.MaxSize < 0 || c.MaxSize > 65507 {
		return fmt.Errorf("read max_size: %d is not within 0 and 65507", c.MaxSize)
	}
	return nil
}
