package httpsend

import (
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/tocsin-lma/tocsin/pkg/config"
	"github.com/tocsin-lma/tocsin/pkg/tlsconfig"
)

// Config is what every output over HTTP takes. Username and password in the
// address count as well.
type Config struct {
	Address     string            `yaml:"address"`  // URL
	Username    string            `yaml:"username"` // basic authentication
	Password    string            `yaml:"password"`
	Token       string            `yaml:"token"`        // sent as "Authorization: Bearer TOKEN"
	Headers     map[string]Values `yaml:"headers"`      // sent with every request
	Timeout     Timeout           `yaml:"timeout"`      // of one request; a bare number counts milliseconds; 0: none but the pipeline's
	HTTPTimeout Timeout           `yaml:"http_timeout"` // the same, by its older name
	TLS         *tlsconfig.Config `yaml:"tls"`
	Gzip        bool              `yaml:"gzip"`  // compress request bodies
	Proxy       string            `yaml:"proxy"` // URL; "": the environment's, "none": no proxy
}

// Timeout is a duration whose bare numbers count milliseconds, as the HTTP
// outputs of StackLight have it.
type Timeout time.Duration

// UnmarshalConfig reads "2s", or 2000.
func (t *Timeout) UnmarshalConfig(n *config.Node) error {
	text := n.Text()
	if text != "" && strings.Trim(text, "0123456789.") == "" {
		text += "ms"
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return n.Errorf("%q is no duration; write for example 2s, or a number of milliseconds", n.Text())
	}
	*t = Timeout(d)
	return nil
}

// Values is one text, or a list of them.
type Values []string

// UnmarshalConfig reads a scalar or a list of scalars.
func (v *Values) UnmarshalConfig(n *config.Node) error {
	*v = nil
	if n.Kind() != config.List {
		*v = Values{n.Text()}
		return nil
	}
	for _, item := range n.Items() {
		*v = append(*v, item.Text())
	}
	return nil
}

// ParseURL reads a URL that must have a host and the scheme http or https. key
// names the setting in errors.
func ParseURL(key, text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", key, err)
	}
	if (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return nil, fmt.Errorf("read %s: %q is no http:// or https:// URL with a host", key, u.Redacted())
	}
	return u, nil
}
