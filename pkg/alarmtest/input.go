package alarmtest

import (
	"encoding/json"
	"strings"

	"github.com/tocsin-lma/tocsin/pkg/config"
	"github.com/tocsin-lma/tocsin/pkg/health"
	"github.com/tocsin-lma/tocsin/pkg/message"
)

// input is a message of a test before it is dated.
type input struct {
	kind      string // metric, afd, message
	host      string // the host that a metric step names; may be empty
	m         message.Message
	timestamp *float64 // seconds since start; nil: the time of the step
	dated     bool     // the message carries its own timestamp
}

func (t *Test) newInput(n *config.Node, cfg *stepConfig, value *config.Node) (*input, error) {
	in := &input{host: cfg.Host, timestamp: cfg.Timestamp}
	var err error
	switch {
	case cfg.Metric != "":
		in.kind = "metric"
		err = t.metric(in, n, cfg, value)
	case cfg.AFD != "":
		in.kind = "afd"
		err = afdMessage(in, n, cfg)
	default:
		in.kind = "message"
		err = rawMessage(in, cfg.Message)
	}
	return in, err
}

func (t *Test) metric(in *input, n *config.Node, cfg *stepConfig, value *config.Node) error {
	m := &in.m
	host := cfg.Host
	if host == "" {
		host = t.hostname
	}
	m.Type, m.Hostname = "heka.sandbox.metric", host
	m.AddString("name", cfg.Metric)
	switch {
	case value.Exists() && cfg.Values.Exists():
		return n.Errorf("value and values exclude each other")
	case cfg.Values.Exists():
		m.Type = "heka.sandbox.multivalue_metric"
		m.AddStrings("value_fields", cfg.Values.Keys()...)
		for _, k := range cfg.Values.Keys() {
			if err := addField(m, k, cfg.Values.Get(k)); err != nil {
				return err
			}
		}
	case value.Exists():
		if err := addField(m, "value", value); err != nil {
			return err
		}
	default:
		return n.Errorf("metric %s has neither value nor values", cfg.Metric)
	}
	if err := addFields(m, cfg.Fields); err != nil {
		return err
	}
	if m.Field("hostname") == nil {
		m.AddString("hostname", host)
	}
	return nil
}

func afdMessage(in *input, n *config.Node, cfg *stepConfig) error {
	m := &in.m
	status, err := health.Parse(cfg.Status)
	if err != nil {
		return n.Errorf("afd %s: unknown status %q; want okay, warning, unknown, critical or down", cfg.AFD, cfg.Status)
	}
	m.Type, m.Logger, m.Hostname = "heka.sandbox.afd_metric", "afd_"+cfg.AFD+"_filter", cfg.Host
	m.AddString("name", "status")
	m.AddDouble("value", float64(status), "")
	m.AddString("member", cfg.AFD)
	tags := []string{"member"}
	if cfg.Host != "" {
		m.AddString("hostname", cfg.Host)
		tags = append(tags, "hostname")
	}
	if err := addFields(m, cfg.Fields); err != nil {
		return err
	}
	tags = append(tags, cfg.Fields.Keys()...)
	if m.Field("alerting_enabled") == nil {
		m.AddBool("alerting_enabled", true)
	}
	if m.Field("notification_enabled") == nil {
		m.AddBool("notification_enabled", false)
	}
	if m.Field("tag_fields") == nil {
		m.AddStrings("tag_fields", tags...)
	}
	alarms := cfg.Alarms.Value()
	if alarms == nil {
		alarms = []any{}
	}
	payload, err := json.Marshal(map[string]any{"alarms": alarms})
	if err != nil {
		return n.Errorf("afd %s: alarms: %v", cfg.AFD, err)
	}
	m.Payload = string(payload)
	return nil
}

// rawMessage reads a message as `tocsin plugin run` takes it: header names in
// any case, fields as a map.
func rawMessage(in *input, n *config.Node) error {
	m := &in.m
	for _, k := range n.Keys() {
		v := n.Get(k)
		switch strings.ToLower(k) {
		case "type":
			m.Type = v.Text()
		case "logger":
			m.Logger = v.Text()
		case "hostname":
			m.Hostname = v.Text()
		case "payload":
			m.Payload = v.Text()
		case "envversion", "env_version":
			m.EnvVersion = v.Text()
		case "severity", "pid":
			var number int32
			if err := v.Decode(&number); err != nil {
				return err
			}
			if strings.EqualFold(k, "pid") {
				m.SetPID(number)
			} else {
				m.SetSeverity(number)
			}
		case "timestamp":
			if err := v.Decode(&m.Timestamp); err != nil {
				return err
			}
			in.dated = true
		case "uuid":
			u, err := message.ParseUUID(v.Text())
			if err != nil {
				return v.Errorf("%v", err)
			}
			m.UUID = u
		case "fields":
			if err := addFields(m, v); err != nil {
				return err
			}
		default:
			return v.KeyErrorf("unknown key %q of a message", k)
		}
	}
	return nil
}

func addFields(m *message.Message, n *config.Node) error {
	for _, k := range n.Keys() {
		if err := addField(m, k, n.Get(k)); err != nil {
			return err
		}
	}
	return nil
}

func addField(m *message.Message, name string, n *config.Node) error {
	representation := ""
	if n.Kind() == config.Map && n.Get("value") != nil {
		representation = n.Get("representation").Text()
		n = n.Get("value")
	}
	items := []*config.Node{n}
	if n.Kind() == config.List {
		items = n.Items()
	}
	f := message.NewField(name, representation)
	for _, item := range items {
		var v message.Value
		switch x := item.Value().(type) {
		case string:
			v = message.StringValue(x)
		case bool:
			v = message.BoolValue(x)
		case int64:
			v = message.DoubleValue(float64(x))
		case float64:
			v = message.DoubleValue(x)
		default:
			return item.Errorf("field %s: want a text, a number or a boolean", name)
		}
		if !f.Append(v) {
			return item.Errorf("field %s: the values of a field have one type", name)
		}
	}
	m.AddField(f)
	return nil
}
