package gse

import (
	"hash/fnv"
	"slices"
	"unicode/utf8"

	"github.com/tidwall/gjson"

	"github.com/tocsin-lma/tocsin/pkg/health"
	"github.com/tocsin-lma/tocsin/pkg/message"
)

// messageType is what the original's engine makes of "gse_metric".
const messageType = "heka.sandbox.gse_metric"

const noAlarms = `{"alarms":[]}`

// verdict makes the message of a cluster. payload nil stands for no alarms.
func verdict(c *Cluster, status health.Status, payload []byte, opt Options, now int64) *message.Message {
	m := &message.Message{
		Timestamp: now, Type: messageType, Logger: "gse_" + c.Name + "_filter", Hostname: opt.Host, Payload: noAlarms,
	}
	if payload != nil {
		m.Payload = string(payload)
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte("gse\x00" + opt.Host + "\x00" + c.Name))
	m.UUID = message.DerivedUUID(h.Sum64(), uint64(now), 0)
	m.AddString("name", "cluster_status")
	m.AddDouble("value", float64(status), "")
	m.AddString("member", c.Name)
	m.AddBool("alerting_enabled", c.AlertingEnabled)
	m.AddBool("notification_enabled", c.NotificationEnabled)
	if c.Handler != "" {
		m.AddString("notification_handler", c.Handler)
	}
	tags := []string{"member"}
	for _, d := range c.Dimensions {
		m.AddString(d.Name, d.Value)
		tags = append(tags, d.Name)
	}
	names := make([]string, 0, len(opt.Tags))
	for name := range opt.Tags {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if name != "tag_fields" && name != "hostname" && m.Field(name) == nil {
			m.AddString(name, opt.Tags[name])
		}
	}
	m.AddStrings("tag_fields", tags...)
	return m
}

// payload writes the alarms of a cluster and those of its hints.
func (e *Engine) payload(c *clusterState, now int64) []byte {
	if c.result.status == health.Okay {
		return nil
	}
	var b []byte
	n := 0
	add := func(d direct, name, level string) {
		mark := len(b)
		if n == 0 {
			b = append(b, `{"alarms":[`...)
		} else {
			b = append(b, ',')
		}
		b = decorate(b, d.raw, name, level, d.host, mark+len(d.raw) < evidenceBytes)
		if n >= e.opt.MaxAlarms || len(b) > payloadBytes {
			b = b[:mark]
			e.stats.AlarmsOmitted++
			return
		}
		n++
	}
	e.stats.AlarmsOmitted += uint64(c.result.more)
	for _, d := range c.result.alarms {
		add(d, d.member, "direct")
	}
	for _, name := range c.def.Hints {
		other := e.byName[name]
		if other == nil {
			continue
		}
		e.ensure(other, now)
		for _, d := range other.result.alarms {
			if !c.def.hasMember(d.member) {
				add(d, name, "hint")
			}
		}
	}
	if n == 0 {
		return nil
	}
	return append(b, `]}`...)
}

// A payload stays below what a Lua filter may emit. When the alarms fill
// evidenceBytes, further ones come without their samples and log lines.
const (
	evidenceBytes = 40 << 10
	payloadBytes  = 62 << 10
)

// evidence are the keys of an alarm object that only bear it out.
var evidence = []string{"samples", "samples_omitted", "log_lines", "script"}

// decorate copies an alarm object with the tags that say where it came from,
// and the host if there is one to be set; without its evidence unless whole.
func decorate(b []byte, raw, name, level, host string, whole bool) []byte {
	b = append(b, '{')
	object := gjson.Parse(raw)
	object.ForEach(func(k, v gjson.Result) bool {
		if k.Str == "tags" || k.Str == "hostname" && host != "" || !whole && slices.Contains(evidence, k.Str) {
			return true
		}
		b = append(append(append(b, k.Raw...), ':'), v.Raw...)
		b = append(b, ',')
		return true
	})
	b = append(b, `"tags":{`...)
	object.Get("tags").ForEach(func(k, v gjson.Result) bool {
		if k.Str != "dependency_name" && k.Str != "dependency_level" && k.Type == gjson.String {
			b = append(append(append(b, k.Raw...), ':'), v.Raw...)
			b = append(b, ',')
		}
		return true
	})
	b = append(b, `"dependency_name":`...)
	b = appendString(b, name)
	b = append(b, `,"dependency_level":`...)
	b = append(appendString(b, level), '}')
	if host != "" {
		b = appendString(append(b, `,"hostname":`...), host)
	}
	return append(b, '}')
}

// appendString writes a JSON string; bytes that are not UTF-8 become U+FFFD.
func appendString(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r < 0x20 || r == 0x7f:
			b = append(b, '\\', 'u', '0', '0', hex[r>>4], hex[r&15])
		default:
			b = utf8.AppendRune(b, r)
		}
	}
	return append(b, '"')
}
