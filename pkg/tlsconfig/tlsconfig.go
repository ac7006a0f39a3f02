// Package tlsconfig turns the TLS section of a model into settings of crypto/tls.
//
// Invariant: no connection is ever made below TLS 1.2, whatever the model says;
// an older min_version is raised, an older max_version is an error.
package tlsconfig

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strings"
)

// Config is the TLS section of an input or an output. The zero value is a client
// that verifies its server against the system's certificate authorities.
type Config struct {
	ServerName          string   `yaml:"server_name"`          // name expected in the server's certificate
	CertFile            string   `yaml:"cert_file"`            // PEM; a server needs it, a client with it is authenticated
	KeyFile             string   `yaml:"key_file"`             // PEM
	ClientAuth          string   `yaml:"client_auth"`          // Go's names: NoClientCert ... RequireAndVerifyClientCert
	Ciphers             []string `yaml:"ciphers"`              // names of TLS 1.2 suites; empty: Go's choice
	MinVersion          string   `yaml:"min_version"`          // TLS12 (default) or TLS13
	MaxVersion          string   `yaml:"max_version"`          // TLS12 or TLS13 (default)
	ClientCAFile        string   `yaml:"client_cafile"`        // PEM; authorities of clients' certificates
	RootCAFile          string   `yaml:"root_cafile"`          // PEM; authorities of servers' certificates
	InsecureSkipVerify  bool     `yaml:"insecure_skip_verify"` // a client believes any certificate
	PreferServerCiphers bool     `yaml:"prefer_server_ciphers"`
	NoSessionTickets    bool     `yaml:"session_tickets_disabled"`
	SessionTicketKey    string   `yaml:"session_ticket_key"` // accepted, unused: Go rotates its own keys
}

// Client returns the settings of a connecting side.
func (c Config) Client() (*tls.Config, error) {
	t, err := c.common()
	if err != nil {
		return nil, err
	}
	t.ServerName = c.ServerName
	t.InsecureSkipVerify = c.InsecureSkipVerify
	if c.RootCAFile != "" {
		if t.RootCAs, err = readPool("root_cafile", c.RootCAFile); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// Server returns the settings of a listening side. cert_file and key_file are
// needed; client_cafile without client_auth asks for verified client certificates.
func (c Config) Server() (*tls.Config, error) {
	if c.CertFile == "" || c.KeyFile == "" {
		return nil, errors.New("read TLS settings: a server needs cert_file and key_file")
	}
	t, err := c.common()
	if err != nil {
		return nil, err
	}
	if t.ClientAuth, err = clientAuth(c.ClientAuth, c.ClientCAFile != ""); err != nil {
		return nil, err
	}
	if c.ClientCAFile != "" {
		if t.ClientCAs, err = readPool("client_cafile", c.ClientCAFile); err != nil {
			return nil, err
		}
	} else if t.ClientAuth >= tls.VerifyClientCertIfGiven {
		return nil, fmt.Errorf("read TLS settings: client_auth %s needs client_cafile", c.ClientAuth)
	}
	return t, nil
}

func (c Config) common() (*tls.Config, error) {
	t := &tls.Config{SessionTicketsDisabled: c.NoSessionTickets}
	var err error
	if t.MinVersion, err = version("min_version", c.MinVersion); err != nil {
		return nil, err
	}
	t.MinVersion = max(t.MinVersion, tls.VersionTLS12)
	if t.MaxVersion, err = version("max_version", c.MaxVersion); err != nil {
		return nil, err
	}
	if t.MaxVersion != 0 && t.MaxVersion < t.MinVersion {
		return nil, fmt.Errorf("read TLS settings: max_version %s is below the least version allowed, %s", c.MaxVersion, tls.VersionName(t.MinVersion))
	}
	if t.CipherSuites, err = suites(c.Ciphers); err != nil {
		return nil, err
	}
	if c.CertFile == "" && c.KeyFile == "" {
		return t, nil
	}
	pair, err := tls.LoadX509KeyPair(c.CertFile, c.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("load certificate (cert_file %q, key_file %q): %w", c.CertFile, c.KeyFile, err)
	}
	t.Certificates = []tls.Certificate{pair}
	return t, nil
}

func version(key, word string) (uint16, error) {
	switch strings.NewReplacer(".", "", "v", "", "V", "").Replace(word) {
	case "":
		return 0, nil
	case "SSL30", "TLS10", "TLS11":
		return tls.VersionTLS11, nil
	case "TLS12":
		return tls.VersionTLS12, nil
	case "TLS13":
		return tls.VersionTLS13, nil
	}
	return 0, fmt.Errorf("read TLS settings: %s %q: want TLS12 or TLS13", key, word)
}

func suites(names []string) ([]uint16, error) {
	var ids []uint16
	for _, name := range names {
		id, ok := suite(name)
		if !ok {
			return nil, fmt.Errorf("read TLS settings: ciphers: %q is unknown or insecure; want a name such as TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", name)
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// suite finds a secure suite by Go's name, with or without the prefix TLS_.
func suite(name string) (uint16, bool) {
	for _, s := range tls.CipherSuites() {
		if s.Name == name || s.Name == "TLS_"+name {
			return s.ID, true
		}
	}
	return 0, false
}

func clientAuth(word string, haveCA bool) (tls.ClientAuthType, error) {
	if word == "" {
		if haveCA {
			return tls.RequireAndVerifyClientCert, nil
		}
		return tls.NoClientCert, nil
	}
	for a := tls.NoClientCert; a <= tls.RequireAndVerifyClientCert; a++ {
		if strings.EqualFold(word, a.String()) {
			return a, nil
		}
	}
	return 0, fmt.Errorf("read TLS settings: client_auth %q: want NoClientCert, RequestClientCert, RequireAnyClientCert, VerifyClientCertIfGiven or RequireAndVerifyClientCert", word)
}

func readPool(key, path string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", key, err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("read %s %q: it holds no PEM certificate", key, path)
	}
	return pool, nil
}
