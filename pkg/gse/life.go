package gse

import (
	"strings"
	"time"

	"github.com/tocsin-lma/tocsin/pkg/message"
)

// DefaultHeartbeat is how often a collector that does not say it sends heartbeats.
const DefaultHeartbeat = 10 * time.Second

// A host is silent after 1.8 of its intervals: one heartbeat is missing, and with
// the clusters' own interval a dead collector is noticed within 30 s.
const silentAfter = 1.8

// life is what is known of the collector of a host.
type life struct {
	host    string
	heard   int64 // its newest heartbeat or verdict, Unix ns
	silence int64 // how long it may say nothing, ns; 0: it never sent a heartbeat
	since   int64 // when it spoke again after its last silence, Unix ns; 0: it never was silent
}

func (l *life) silent(now int64) bool {
	return l != nil && l.silence > 0 && now-l.heard >= l.silence
}

// lives are those of all hosts, by name.
type lives map[string]*life

func (l lives) of(host string) *life {
	if l[host] == nil {
		l[host] = &life{host: host}
	}
	return l[host]
}

// prune forgets hosts that nothing was heard of for a long time.
func (l lives) prune(now int64) {
	for host, one := range l {
		if now-one.heard >= int64(DefaultForgetAfter) {
			delete(l, host)
		}
	}
}

// beat notes a heartbeat. Daemons without alarms have nothing to say about the
// members of their host.
func (l *life) beat(m *message.Message, at int64) {
	if alarms, ok := m.Number("alarms"); ok && alarms == 0 {
		return
	}
	interval := DefaultHeartbeat.Seconds()
	if s, ok := m.Number("interval"); ok && s > 0 && s < DefaultForgetAfter.Seconds() {
		interval = s
	}
	l.silence = int64(silentAfter * interval * float64(time.Second))
	l.speak(at)
}

func (l *life) speak(at int64) {
	if l == nil || at <= l.heard {
		return
	}
	if l.heard > 0 && l.silent(at) {
		l.since = at
	}
	l.heard = at
}

// sender returns the life of the collector that sent a verdict of an alarm; nil
// when it is not known, and for what clusters and heartbeats say.
func (e *Engine) sender(m *message.Message) *life {
	if m.Hostname == "" || !strings.HasPrefix(strings.TrimPrefix(m.Type, "heka.sandbox."), "afd_") {
		return nil
	}
	return e.lives.of(e.intern(m.Hostname))
}

// silent reports whether an OKAY fact is no proof any more, although it is young
// enough, because the collector that sent it has fallen silent, or was and has not
// judged it again.
func (c *clusterState) silent(f *fact, now int64) bool {
	return c.def.Strict && f.listed && f.by != nil && (f.by.silent(now) || f.seen < f.by.since)
}
