// Package silence keeps the silences of an aggregator: for a time, what a
// silenced cluster, alarm or host says is shown and stored as ever, and alerts
// nobody.
//
// Invariant: what is silenced is never hidden, and a silence always ends: it has
// a time until which it holds, and when its file cannot be read nothing is
// silenced.
//
// Goroutines: none. All methods of Store may be called from any goroutine; the
// question whether a verdict is silenced takes no lock.
package silence

import (
	"errors"
	"fmt"
	"path"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tocsin-lma/tocsin/pkg/message"
)

// Limits of a silence.
const (
	MaxSilences = 10_000
	MaxDuration = 366 * 24 * time.Hour
	maxText     = 1000 // bytes of a pattern, a reason or an author
)

// Silence says who is not to be alerted about, until when, and why. Cluster,
// Member and Host are names or shell patterns (* ? [a-z]); those that are given
// must all match. A silence is about a cluster, or about a member (an alarm), a
// host, or an alarm of a host.
type Silence struct {
	ID      string    `json:"id"`
	Cluster string    `json:"cluster,omitempty"`
	Member  string    `json:"member,omitempty"`
	Host    string    `json:"host,omitempty"`
	Until   time.Time `json:"until"`
	Reason  string    `json:"reason"`
	Author  string    `json:"author"`
	Created time.Time `json:"created"`
}

// ErrInvalid is wrapped by the errors about a silence that cannot be.
var ErrInvalid = errors.New("invalid silence")

// Check returns why s cannot begin at now; nil when it can.
func (s *Silence) Check(now time.Time) error {
	switch {
	case s.Cluster == "" && s.Member == "" && s.Host == "":
		return fmt.Errorf("%w: name a cluster, a member or a host", ErrInvalid)
	case s.Cluster != "" && (s.Member != "" || s.Host != ""):
		return fmt.Errorf("%w: a cluster goes alone; make another silence for the member or host", ErrInvalid)
	case strings.TrimSpace(s.Reason) == "":
		return fmt.Errorf("%w: the reason is missing", ErrInvalid)
	case strings.TrimSpace(s.Author) == "":
		return fmt.Errorf("%w: the author is missing", ErrInvalid)
	case !s.Until.After(now):
		return fmt.Errorf("%w: it would have ended at %s, which is past", ErrInvalid, s.Until.Format(time.RFC3339))
	case s.Until.Sub(now) > MaxDuration:
		return fmt.Errorf("%w: it would last until %s; the longest is %d days", ErrInvalid, s.Until.Format(time.RFC3339), int(MaxDuration.Hours()/24))
	}
	for name, text := range map[string]string{"cluster": s.Cluster, "member": s.Member, "host": s.Host, "reason": s.Reason, "author": s.Author} {
		if len(text) > maxText || !utf8.ValidString(text) {
			return fmt.Errorf("%w: the %s has %d bytes; at most %d bytes of UTF-8 fit", ErrInvalid, name, len(text), maxText)
		}
	}
	for name, pattern := range map[string]string{"cluster": s.Cluster, "member": s.Member, "host": s.Host} {
		if _, err := path.Match(pattern, ""); err != nil {
			return fmt.Errorf("%w: the %s %q is not a shell pattern: %w", ErrInvalid, name, pattern, err)
		}
	}
	return nil
}

// Matches reports whether s, while it lasts, is about that cluster, or about
// that member of that host.
func (s *Silence) Matches(cluster, member, host string) bool {
	if s.Cluster != "" {
		return cluster != "" && match(s.Cluster, cluster)
	}
	return cluster == "" && (s.Member != "" || s.Host != "") && match(s.Member, member) && match(s.Host, host)
}

// match reports whether name matches pattern; the empty pattern matches all.
func match(pattern, name string) bool {
	if pattern == "" || pattern == name {
		return true
	}
	ok, err := path.Match(pattern, name)
	return ok && err == nil
}

// subject returns what a verdict is about; false when m is no verdict.
func subject(m *message.Message) (cluster, member, host string, ok bool) {
	name, _ := m.Text("member")
	switch strings.TrimPrefix(m.Type, "heka.sandbox.") {
	case "gse_metric":
		return name, "", "", name != ""
	case "afd_metric":
		host, _ = m.Text("hostname")
		return "", name, host, name != ""
	}
	return "", "", "", false
}

// alertingField is what outputs look at before they alert anybody.
const alertingField = "alerting_enabled"

// mute returns a copy of m that alerts nobody.
func mute(m *message.Message) *message.Message {
	c := m.Clone()
	c.RemoveField(alertingField)
	c.AddBool(alertingField, false)
	return c
}
