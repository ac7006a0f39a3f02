package encoders

import (
	"fmt"

	"github.com/tidwall/gjson"

	"github.com/tocsin-lma/tocsin/pkg/message"
)

// ResourcesConfig is the section of the es_ceilometer_resources encoder.
type ResourcesConfig struct {
	Index      string `yaml:"index"`
	TypeName   string `yaml:"type_name"` // written with compatible only
	Encoder    string `yaml:"encoder"`   // accepted: the original named its module here
	Compatible bool   `yaml:"compatible"`
}

// DefaultResourcesConfig returns the settings that hold when the model says
// nothing.
func DefaultResourcesConfig() ResourcesConfig {
	return ResourcesConfig{Index: "ceilometer_resource", TypeName: "source"}
}

// mergeScript merges a resource into the stored one (Painless). Time stamps are
// of one form and zone, so their texts compare as they do.
const mergeScript = `def s = ctx._source; if (s.meters == null) { s.meters = [:] } s.meters.putAll(params.meter); ` +
	`s.user_id = params.user_id; s.project_id = params.project_id; s.source = params.source; ` +
	`if (s.last_sample_timestamp == null || params.timestamp.compareTo(s.last_sample_timestamp) >= 0) { s.metadata = params.metadata; s.last_sample_timestamp = params.timestamp } ` +
	`if (s.first_sample_timestamp == null || params.timestamp.compareTo(s.first_sample_timestamp) < 0) { s.first_sample_timestamp = params.timestamp }`

// Resources makes bulk updates of Elasticsearch out of the resources of metering
// samples: meters are merged, the newest metadata and the first and last sample
// times are kept.
type Resources struct{ action, script string }

// NewResources makes the encoder.
func NewResources(cfg ResourcesConfig) (*Resources, error) {
	if cfg.Index == "" {
		cfg.Index = DefaultResourcesConfig().Index
	}
	action := `{"update":{"_index":` + string(appendString(nil, cfg.Index))
	if cfg.Compatible {
		action += `,"_type":` + string(appendString(nil, cfg.TypeName))
	}
	return &Resources{
		action: action + `,"retry_on_conflict":3,"_id":`,
		script: `{"script":{"lang":"painless","source":` + string(appendString(nil, mergeScript)) + `,"params":`,
	}, nil
}

// Encode appends an update for each resource of the payload.
func (e *Resources) Encode(dst []byte, m *message.Message) ([]byte, error) {
	resources := gjson.Parse(m.Payload)
	if !gjson.Valid(m.Payload) || !resources.IsObject() {
		return dst, fmt.Errorf("encode resources: the payload of %d bytes is no JSON object: %w", len(m.Payload), message.ErrPermanent)
	}
	resources.ForEach(func(id, r gjson.Result) bool {
		if !r.IsObject() || id.String() == "" {
			return true
		}
		dst = appendString(append(dst, e.action...), id.String())
		dst = append(append(dst, "}}\n"...), e.script...)
		dst = appendRaw(append(dst, `{"meter":`...), r.Get("meter"), "{}")
		dst = appendResource(dst, r)
		dst = appendRaw(append(dst, `,"timestamp":`...), r.Get("timestamp"), `""`)
		dst = append(dst, `}},"upsert":{"meters":`...)
		dst = appendRaw(dst, r.Get("meter"), "{}")
		dst = appendResource(dst, r)
		dst = appendRaw(append(dst, `,"first_sample_timestamp":`...), r.Get("timestamp"), `""`)
		dst = appendRaw(append(dst, `,"last_sample_timestamp":`...), r.Get("timestamp"), `""`)
		dst = append(dst, "}}\n"...)
		return true
	})
	return dst, nil
}

func appendResource(dst []byte, r gjson.Result) []byte {
	dst = appendRaw(append(dst, `,"metadata":`...), r.Get("metadata"), "{}")
	dst = appendRaw(append(dst, `,"user_id":`...), r.Get("user_id"), `""`)
	dst = appendRaw(append(dst, `,"project_id":`...), r.Get("project_id"), `""`)
	return appendRaw(append(dst, `,"source":`...), r.Get("source"), `""`)
}

// appendRaw appends a value of the payload without the line feeds that would end
// a bulk line: JSON has them only between its tokens.
func appendRaw(dst []byte, r gjson.Result, otherwise string) []byte {
	if r.Type == gjson.Null {
		return append(dst, otherwise...)
	}
	for i := range len(r.Raw) {
		if c := r.Raw[i]; c != '\n' && c != '\r' {
			dst = append(dst, c)
		}
	}
	return dst
}
