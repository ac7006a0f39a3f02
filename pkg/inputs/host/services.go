package host

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/tocsin-lma/tocsin/pkg/inputs"
	"github.com/tocsin-lma/tocsin/pkg/message"
)

const (
	systemctlTimeout = 5 * time.Second
	maxNamedUnits    = 5        // failed units that are named
	maxCertificates  = 200      // files looked at
	maxCertificate   = 10 << 20 // bytes of one: bundles of authorities are large
)

// systemd counts the failed units. A host without systemd has none to count.
func (in *Input) systemd() error {
	if _, err := os.Stat(filepath.Join(in.opt.Run, "systemd", "system")); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), systemctlTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, in.opt.Systemctl, "list-units", "--failed", "--plain", "--no-legend", "--no-pager", "--full")
	cmd.Env = append(os.Environ(), "LC_ALL=C", "SYSTEMD_COLORS=0")
	cmd.WaitDelay = time.Second
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("run %s: %w", in.opt.Systemctl, err)
	}
	var failed []string
	for line := range bytes.Lines(out) {
		if text := strings.Join(strings.Fields(string(line)), " "); text != "" {
			failed = append(failed, strings.ToValidUTF8(text[:min(len(text), 200)], "\ufffd"))
		}
	}
	in.said = failed[:min(len(failed), maxNamedUnits)]
	in.gauge("systemd", "systemd_units_failed", "", float64(len(failed)))
	in.said = nil
	return nil
}

// certificates measures how long the certificates in files are still valid.
func (in *Input) certificates() error {
	var paths []string
	for _, pattern := range in.cfg.Certificates {
		found, err := filepath.Glob(pattern)
		if err != nil {
			return fmt.Errorf("find certificates %s: %w", pattern, err)
		}
		paths = append(paths, found...)
	}
	slices.Sort(paths)
	paths = slices.Compact(paths)
	var failed error
	if len(paths) > maxCertificates {
		failed = fmt.Errorf("look at certificates: %d files match, the first %d are measured", len(paths), maxCertificates)
		paths = paths[:maxCertificates]
	}
	known := map[string]expiry{}
	for _, path := range paths {
		e, err := in.expiry(path)
		if err != nil {
			if !errors.Is(err, inputs.ErrNoCertificate) && !errors.Is(err, fs.ErrPermission) && !errors.Is(err, fs.ErrNotExist) {
				failed = errors.Join(failed, err)
			}
			continue
		}
		known[path] = e
		in.gauge("certificates", "certificate_days_left", "d", inputs.DaysLeft(e.at, in.now), dim{"certificate", path})
	}
	in.expiries = known
	return failed
}

// expiry is when the first certificate of a file ends, as of a state of the file.
type expiry struct {
	at, modified time.Time
	size         int64
}

// expiry reads a file, unless it is as it was.
func (in *Input) expiry(path string) (expiry, error) {
	info, err := os.Stat(path)
	if err != nil {
		return expiry{}, fmt.Errorf("look at certificate: %w", err)
	}
	if e, ok := in.expiries[path]; ok && e.modified.Equal(info.ModTime()) && e.size == info.Size() {
		return e, nil
	}
	if !info.Mode().IsRegular() || info.Size() > maxCertificate {
		return expiry{}, inputs.ErrNoCertificate
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return expiry{}, fmt.Errorf("read certificate: %w", err)
	}
	at, err := inputs.FirstExpiry(text)
	if err != nil {
		return expiry{}, fmt.Errorf("%s: %w", path, err)
	}
	return expiry{at, info.ModTime(), info.Size()}, nil
}

// say adds what a value comes from, for people to read.
func (in *Input) say(m *message.Message) {
	if len(in.said) > 0 {
		m.AddStrings("log_lines", in.said...)
	}
}
