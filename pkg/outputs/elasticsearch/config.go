package elasticsearch

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/tocsin-lma/tocsin/pkg/outputs/httpsend"
)

// Config is the section of an Elasticsearch output.
type Config struct {
	httpsend.Config `yaml:",inline"`

	Server  string   `yaml:"server"`  // URL of one node; the same as address
	Servers []string `yaml:"servers"` // URLs of several nodes, used in turn
	APIKey  string   `yaml:"api_key"` // base64 of id:key; in place of username and password
	// Pipeline is the ingest pipeline of documents that name none.
	Pipeline string `yaml:"pipeline"`

	Template         bool     `yaml:"template"`          // install an index template before the first batch
	TemplateName     string   `yaml:"template_name"`     // its name
	TemplateFile     string   `yaml:"template_file"`     // JSON of a template to install in place of ours
	TemplatePriority int      `yaml:"template_priority"` // among the templates that match one index
	IndexPatterns    []string `yaml:"index_patterns"`    // indices or data streams the template is for
	DataStream       bool     `yaml:"data_stream"`       // the patterns name data streams, not daily indices
	Shards           int      `yaml:"shards"`            // 0: the server's default
	Replicas         *int     `yaml:"replicas"`          // absent: the server's default

	// Sniff is accepted and ignored: nodes are never discovered, because their
	// own idea of their addresses is rarely ours.
	Sniff bool `yaml:"sniff"`
}

// DefaultConfig returns the defaults: a node on this host, template installed.
func DefaultConfig() Config {
	return Config{
		Template:         true,
		TemplateName:     "tocsin",
		TemplatePriority: 200,
		IndexPatterns:    []string{"log-*", "notification-*", "audit-*"},
	}
}

// servers returns the nodes' URLs.
func (c Config) servers() []string {
	all := c.Servers
	for _, one := range []string{c.Server, c.Address} {
		if one != "" {
			all = append(all, one)
		}
	}
	if len(all) == 0 {
		return []string{"http://127.0.0.1:9200"}
	}
	return all
}

// template returns the body of the index template.
func (c Config) template() ([]byte, error) {
	if c.TemplateFile != "" {
		body, err := os.ReadFile(c.TemplateFile)
		if err != nil {
			return nil, fmt.Errorf("read template_file: %w", err)
		}
		if !json.Valid(body) {
			return nil, fmt.Errorf("read template_file: %s is not JSON", c.TemplateFile)
		}
		return body, nil
	}
	settings := map[string]any{}
	if c.Shards > 0 {
		settings["number_of_shards"] = c.Shards
	}
	if c.Replicas != nil {
		settings["number_of_replicas"] = *c.Replicas
	}
	template := map[string]any{
		"index_patterns": c.IndexPatterns,
		"priority":       c.TemplatePriority,
		"template":       map[string]any{"settings": settings, "mappings": mappings()},
		"_meta":          map[string]any{"managed_by": "tocsin"},
	}
	if c.DataStream {
		template["data_stream"] = map[string]any{}
	}
	return json.Marshal(template)
}

// mappings are those of our documents: text is searched in Payload only, every
// other text is one keyword; digits and dates inside text stay text, so that the
// first document of a day cannot decide the type of a field for all others.
func mappings() map[string]any {
	keyword := map[string]any{"type": "keyword", "ignore_above": 8191}
	properties := map[string]any{
		"@timestamp":         map[string]any{"type": "date"},
		"Timestamp":          map[string]any{"type": "date"},
		"Payload":            map[string]any{"type": "text", "norms": false},
		"Pid":                map[string]any{"type": "long"},
		"Severity":           map[string]any{"type": "byte"},
		"http_response_time": map[string]any{"type": "double"},
	}
	for _, name := range strings.Fields("Hostname Logger Type severity_label programname environment_label") {
		properties[name] = keyword
	}
	return map[string]any{
		"date_detection":    false,
		"numeric_detection": false,
		"properties":        properties,
		"dynamic_templates": []any{
			map[string]any{"text": map[string]any{"match_mapping_type": "string", "mapping": keyword}},
			// A number is a double unless it says otherwise: 1 today is 1.5 tomorrow.
			map[string]any{"whole": map[string]any{"match_mapping_type": "long", "mapping": map[string]any{"type": "double"}}},
		},
	}
}
