package check

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/tocsin-lma/tocsin/pkg/inputs"
)

// errNoFile says that a pattern matches nothing.
var errNoFile = errors.New("no such file")

// certificateOf returns what finds out when the first certificate of a target
// expires. A target with a slash is a PEM file, or a pattern of such; another
// one is host:port of a TLS server, or a host with port 443. Whether anybody
// trusts the certificate is not asked.
func certificateOf(target string) func(context.Context) (time.Time, error) {
	if strings.Contains(target, "/") {
		return func(context.Context) (time.Time, error) { return firstOfFiles(target) }
	}
	address := target
	if _, _, err := net.SplitHostPort(address); err != nil {
		address = net.JoinHostPort(strings.Trim(target, "[]"), "443")
	}
	return func(ctx context.Context) (time.Time, error) {
		d := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12}}
		c, err := d.DialContext(ctx, "tcp", address)
		if err != nil {
			return time.Time{}, err
		}
		defer c.Close()
		var first time.Time
		for _, x := range c.(*tls.Conn).ConnectionState().PeerCertificates {
			if first.IsZero() || x.NotAfter.Before(first) {
				first = x.NotAfter
			}
		}
		if first.IsZero() {
			return first, fmt.Errorf("read certificates of %s: %w", address, inputs.ErrNoCertificate)
		}
		return first, nil
	}
}

func firstOfFiles(pattern string) (time.Time, error) {
	paths, err := filepath.Glob(pattern)
	if err != nil {
		return time.Time{}, fmt.Errorf("find certificates %s: %w", pattern, err)
	}
	if len(paths) == 0 {
		return time.Time{}, fmt.Errorf("find certificates %s: %w", pattern, errNoFile)
	}
	var first time.Time
	for _, path := range paths {
		text, err := readCertificate(path)
		if err != nil {
			return time.Time{}, fmt.Errorf("read certificate: %w", err)
		}
		at, err := inputs.FirstExpiry(text)
		if err != nil {
			return time.Time{}, fmt.Errorf("%s: %w", path, err)
		}
		if first.IsZero() || at.Before(first) {
			first = at
		}
	}
	return first, nil
}

// maxCertificate is the largest file that is read, in bytes: bundles of authorities
// are large.
const maxCertificate = 10 << 20

// readCertificate reads a file that ends: a pipe would keep the check for ever.
func readCertificate(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxCertificate {
		return nil, fmt.Errorf("%s is no file of at most %d bytes: %w", path, maxCertificate, inputs.ErrNoCertificate)
	}
	return os.ReadFile(path)
}
