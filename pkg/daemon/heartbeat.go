package daemon

import (
	"context"
	"math"
	"time"

	"github.com/tocsin-lma/tocsin/pkg/message"
)

const heartbeatInterval = 10 * time.Second

// heartbeat is the input that says every ten seconds that this daemon lives,
// what it runs, and how many alarms it evaluates.
type heartbeat struct {
	d    *Daemon
	p    *parts
	tags map[string]string
}

// Run emits heartbeats, the first one at once.
func (h *heartbeat) Run(ctx context.Context, open message.OpenStream) error {
	s, err := open("heartbeat")
	if err != nil {
		return err
	}
	defer s.Close(context.WithoutCancel(ctx))
	t := time.NewTicker(heartbeatInterval)
	defer t.Stop()
	for {
		if err := s.Emit(h.message(time.Now())); err != nil {
			return err
		}
		if _, err := s.Commit(ctx); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
	}
}

func (h *heartbeat) message(now time.Time) *message.Message {
	host := h.p.global.Hostname
	m := &message.Message{
		UUID: message.NewUUID(), Timestamp: now.UnixNano(), Type: "heartbeat",
		Logger: string(h.d.opt.Role), Hostname: host,
	}
	m.SetSeverity(6)
	m.AddString("hostname", host)
	m.AddString("service", string(h.d.opt.Role))
	m.AddString("version", h.d.opt.Version)
	m.AddString("config_hash", modelHash(h.p.model))
	m.AddDouble("alarms", float64(h.p.alarms), "")
	m.AddDouble("interval", heartbeatInterval.Seconds(), "s")
	for _, name := range sortedKeys(h.tags) {
		m.AddString(name, h.tags[name])
	}
	return m
}

// fieldValue is a field for JSON: one value plain, several as a list. JSON has
// no infinities; they are written as text.
func fieldValue(f *message.Field) any {
	plain := func(v message.Value) any {
		switch v.Type {
		case message.Integer:
			return v.Int()
		case message.Double:
			if d := v.Double(); !math.IsNaN(d) && !math.IsInf(d, 0) {
				return d
			}
		case message.Bool:
			return v.Bool()
		}
		return v.Text()
	}
	if f.Len() == 1 {
		return plain(f.At(0))
	}
	list := make([]any, f.Len())
	for i := range list {
		list[i] = plain(f.At(i))
	}
	return list
}
