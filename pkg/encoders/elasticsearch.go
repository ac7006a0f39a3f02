package encoders

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"github.com/tocsin-lma/tocsin/pkg/message"
)

// ElasticsearchConfig is the section of the elasticsearch encoder.
type ElasticsearchConfig struct {
	Index         string   `yaml:"index"`                   // template; default %{Type}-%{%Y.%m.%d}
	FromTimestamp *bool    `yaml:"es_index_from_timestamp"` // accepted: the day is always the message's
	Fields        []string `yaml:"fields"`                  // headers to write, and DynamicFields for all fields; default: all
	TypeName      string   `yaml:"type_name"`               // compatible only; default message

	DataStream string `yaml:"data_stream"` // name (template) of a data stream, instead of index
	ECS        bool   `yaml:"ecs"`         // fields by the Elastic Common Schema
	Compatible bool   `yaml:"compatible"`  // actions and documents as the original wrote them: no _id, a _type, whole seconds
}

// DefaultElasticsearchConfig returns the settings that hold when the model says
// nothing.
func DefaultElasticsearchConfig() ElasticsearchConfig {
	return ElasticsearchConfig{Index: "%{Type}-%{%Y.%m.%d}", TypeName: "message"}
}

// Elasticsearch makes an action line and a document line of the bulk format
// (Elasticsearch reference, "Bulk API"). The action carries the message's uuid
// and the operation create: sending it again makes no second document.
type Elasticsearch struct {
	cfg   ElasticsearchConfig
	index template
	open  string // the action up to the index name
	close string // and from there on, without _id
	heads headers

	cachedType string // the type and day that cached is for
	cachedDay  int64
	cached     []byte // the action up to the index name, and the name
	scratch    []byte
	names      names
	clock      clock
	hostname   cachedText
	logger     cachedText
}

// headers says which header values a document has.
type headers struct{ fields, hostname, logger, payload, pid, severity, timestamp, typ, uuid, env bool }

// NewElasticsearch makes the encoder.
func NewElasticsearch(cfg ElasticsearchConfig) (*Elasticsearch, error) {
	e := &Elasticsearch{cfg: cfg, open: `{"index":{"_index":`, close: `,"op_type":"create"}}`}
	name := cfg.Index
	if cfg.DataStream != "" {
		name, e.open, e.close = cfg.DataStream, `{"create":{"_index":`, "}}"
	}
	if cfg.Compatible {
		e.close = `,"_type":` + string(appendString(nil, cfg.TypeName)) + "}}"
	}
	if name == "" {
		name = DefaultElasticsearchConfig().Index
	}
	var err error
	if e.index, err = parseTemplate(name); err != nil {
		return nil, err
	}
	e.heads, err = parseHeaders(cfg.Fields)
	return e, err
}

func parseHeaders(names []string) (headers, error) {
	if len(names) == 0 {
		return headers{fields: true, hostname: true, logger: true, payload: true, pid: true, severity: true, timestamp: true, typ: true}, nil
	}
	var h headers
	for _, name := range names {
		flag := map[string]*bool{
			"dynamicfields": &h.fields, "hostname": &h.hostname, "logger": &h.logger, "payload": &h.payload, "pid": &h.pid,
			"severity": &h.severity, "timestamp": &h.timestamp, "type": &h.typ, "uuid": &h.uuid, "envversion": &h.env,
		}[strings.ToLower(name)]
		if flag == nil {
			return h, fmt.Errorf("read fields: %q: want DynamicFields, Uuid, Timestamp, Type, Logger, Severity, Payload, EnvVersion, Pid or Hostname", name)
		}
		*flag = true
	}
	return h, nil
}

// Encode appends an action line and a document line.
func (e *Elasticsearch) Encode(dst []byte, m *message.Message) ([]byte, error) {
	dst = append(dst, e.action(m)...)
	if !e.cfg.Compatible {
		id := m.UUID
		if id.IsZero() {
			id = message.NewUUID()
		}
		dst = append(dst, `,"_id":"`...)
		dst = append(id.AppendText(dst), '"')
	}
	dst = append(append(dst, e.close...), '\n')
	if e.cfg.ECS {
		dst = appendECS(dst, m)
	} else {
		dst = e.document(dst, m)
	}
	return append(dst, '\n'), nil
}

// action returns the action line up to the index' name, in JSON.
func (e *Elasticsearch) action(m *message.Message) []byte {
	day, _ := floorDiv(m.Timestamp, daySeconds*1e9)
	if e.index.daily && e.cached != nil && day == e.cachedDay && m.Type == e.cachedType {
		return e.cached
	}
	e.scratch = e.index.append(e.scratch[:0], m)
	name := bytes.ToValidUTF8(bytes.ToLower(e.scratch), []byte("_"))
	for i, c := range name {
		if c <= ' ' || strings.IndexByte(`\/*?"<>|,#:`, c) >= 0 {
			name[i] = '_'
		}
	}
	if len(name) == 0 || strings.IndexByte("-_+.", name[0]) >= 0 { // names may not begin so
		name = append([]byte("x"), name...)
	}
	e.cached = appendString(append(e.cached[:0], e.open...), string(name))
	e.cachedDay, e.cachedType = day, strings.Clone(m.Type)
	return e.cached
}

// document appends the fields by name and then the headers.
func (e *Elasticsearch) document(dst []byte, m *message.Message) []byte {
	start := len(dst)
	dst = append(dst, '{')
	if e.heads.fields {
		dst = e.appendFields(dst, m)
	}
	h := &e.heads
	if h.env {
		dst = appendString(append(dst, `"EnvVersion":`...), m.EnvVersion)
		dst = append(dst, ',')
	}
	if h.hostname {
		dst = append(e.hostname.append(append(dst, `"Hostname":`...), m.Hostname), ',')
	}
	if h.logger {
		dst = append(e.logger.append(append(dst, `"Logger":`...), m.Logger), ',')
	}
	if h.payload {
		dst = append(appendString(append(dst, `"Payload":`...), m.Payload), ',')
	}
	if h.pid {
		dst = append(strconv.AppendInt(append(dst, `"Pid":`...), int64(m.PID()), 10), ',')
	}
	if h.severity {
		dst = append(strconv.AppendInt(append(dst, `"Severity":`...), int64(m.Severity()), 10), ',')
	}
	if h.timestamp {
		dst = append(dst, `"Timestamp":"`...)
		if e.cfg.Compatible {
			dst = e.clock.appendSeconds(dst, m.Timestamp)
		} else {
			dst = e.clock.appendExact(dst, m.Timestamp)
		}
		dst = append(dst, '"', ',')
		if e.cfg.DataStream != "" {
			dst = append(dst, `"@timestamp":"`...)
			dst = append(e.clock.appendExact(dst, m.Timestamp), 'Z', '"', ',')
		}
	}
	if h.typ {
		dst = append(appendString(append(dst, `"Type":`...), m.Type), ',')
	}
	if h.uuid {
		dst = append(m.UUID.AppendText(append(dst, `"Uuid":"`...)), '"', ',')
	}
	if len(dst) == start+1 {
		return append(dst, '}')
	}
	dst[len(dst)-1] = '}' // in place of the last comma
	return dst
}

// appendFields appends every field once, the first of a name, each with a comma.
// One that is called like a header gets the prefix fields_.
func (e *Elasticsearch) appendFields(dst []byte, m *message.Message) []byte {
	var seen [nameSlots / 64]uint64 // a bit for each name met: only a bit that is set needs a look
	for i := range m.Fields {
		f := &m.Fields[i]
		if f.Len() == 0 {
			continue
		}
		slot := nameSlot(f.Name)
		word, bit := slot/64, uint64(1)<<(slot%64)
		if seen[word]&bit != 0 && before(m.Fields[:i], f.Name) {
			continue
		}
		seen[word] |= bit
		dst = e.names.append(dst, slot, f.Name)
		dst = append(appendField(dst, f), ',')
	}
	return dst
}

func before(fields []message.Field, name string) bool {
	for i := range fields {
		if fields[i].Name == name && fields[i].Len() > 0 {
			return true
		}
	}
	return false
}

func reserved(name string) bool {
	switch name {
	case "Hostname", "Logger", "Payload", "Pid", "Severity", "Timestamp", "Type", "Uuid", "EnvVersion", "@timestamp", "_id", "_index", "_source", "_type":
		return true
	}
	return false
}
