// Package docs_test keeps the documents true: the tables of keys are written from
// the structs that decode them, links lead somewhere, and the examples work.
package docs_test

import (
	"flag"
	"fmt"
	"go/ast"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/pkg/encoders"
	iamqp "github.com/tocsin-lma/tocsin/pkg/inputs/amqp"
	"github.com/tocsin-lma/tocsin/pkg/inputs/check"
	"github.com/tocsin-lma/tocsin/pkg/inputs/host"
	ihttp "github.com/tocsin-lma/tocsin/pkg/inputs/http"
	"github.com/tocsin-lma/tocsin/pkg/inputs/logstream"
	"github.com/tocsin-lma/tocsin/pkg/inputs/process"
	"github.com/tocsin-lma/tocsin/pkg/inputs/statsd"
	isyslog "github.com/tocsin-lma/tocsin/pkg/inputs/syslog"
	itcp "github.com/tocsin-lma/tocsin/pkg/inputs/tcp"
	iudp "github.com/tocsin-lma/tocsin/pkg/inputs/udp"
	"github.com/tocsin-lma/tocsin/pkg/outputs/alertmanager"
	"github.com/tocsin-lma/tocsin/pkg/outputs/amqp"
	"github.com/tocsin-lma/tocsin/pkg/outputs/elasticsearch"
	"github.com/tocsin-lma/tocsin/pkg/outputs/file"
	"github.com/tocsin-lma/tocsin/pkg/outputs/http"
	"github.com/tocsin-lma/tocsin/pkg/outputs/icinga2"
	"github.com/tocsin-lma/tocsin/pkg/outputs/influxdb"
	"github.com/tocsin-lma/tocsin/pkg/outputs/log"
	"github.com/tocsin-lma/tocsin/pkg/outputs/nagios"
	"github.com/tocsin-lma/tocsin/pkg/outputs/otlp"
	"github.com/tocsin-lma/tocsin/pkg/outputs/prometheus"
	"github.com/tocsin-lma/tocsin/pkg/outputs/sensu"
	"github.com/tocsin-lma/tocsin/pkg/outputs/smtp"
	"github.com/tocsin-lma/tocsin/pkg/outputs/syslog"
	"github.com/tocsin-lma/tocsin/pkg/outputs/tcp"
	"github.com/tocsin-lma/tocsin/pkg/outputs/udp"
	"github.com/tocsin-lma/tocsin/pkg/outputs/webhook"
)

var update = flag.Bool("update", false, "write the tables of docs/configuration.md")

const marker = "<!-- From here on written by: go test ./internal/docs -update -->\n"

// engines holds the defaults of every engine, by section.
func engines() map[string]map[string]any {
	return map[string]map[string]any{
		"input": {
			"logstreamer": logstream.DefaultConfig(), "host": host.DefaultConfig(), "http": ihttp.DefaultConfig(), "tcp": itcp.DefaultConfig(),
			"udp": iudp.DefaultConfig(), "amqp": iamqp.DefaultConfig(), "process": process.DefaultConfig(), "statsd": statsd.DefaultConfig(),
			"syslog": isyslog.DefaultConfig(), "check": check.DefaultConfig(),
		},
		"encoder": {
			"elasticsearch": encoders.DefaultElasticsearchConfig(), "line_protocol": encoders.DefaultLineProtocolConfig(),
			"status_sensu": encoders.DefaultSensuConfig(), "status_nagios": encoders.DefaultNagiosConfig(), "status_smtp": encoders.DefaultMailConfig(),
			"event": encoders.DefaultEventConfig(), "syslog": encoders.DefaultSyslogConfig(), "payload": encoders.DefaultPayloadConfig(),
			"protobuf": encoders.DefaultProtobufConfig(), "json": encoders.JSONConfig{}, "rst": encoders.RSTConfig{},
			"es_ceilometer_resources": encoders.DefaultResourcesConfig(),
		},
		"output": {
			"elasticsearch": elasticsearch.DefaultConfig(), "influxdb": influxdb.DefaultConfig(), "otlp": otlp.DefaultConfig(), "tcp": tcp.DefaultConfig(),
			"udp": udp.DefaultConfig(), "amqp": amqp.DefaultConfig(), "http": http.DefaultConfig(), "syslog": syslog.DefaultConfig(),
			"file": file.DefaultConfig(), "log": log.DefaultConfig(), "sensu": sensu.DefaultConfig(), "nagios": nagios.DefaultConfig(),
			"icinga2": icinga2.DefaultConfig(), "alertmanager": alertmanager.DefaultConfig(), "webhook": webhook.DefaultConfig(),
			"smtp": smtp.DefaultConfig(), "prometheus": prometheus.DefaultScrapeConfig(), "remote_write": prometheus.DefaultWriteConfig(),
		},
	}
}

// parts lists what is no engine: title, folder, struct.
func parts() [][3]string {
	return [][3]string{
		{"global", "pkg/daemon", "globalConfig"},
		{"A role", "pkg/daemon", "roleConfig"},
		{"Every input", "pkg/daemon", "inputConfig"},
		{"Every splitter", "pkg/splitter", "Config"},
		{"Every filter", "pkg/daemon", "filterConfig"},
		{"Every output", "pkg/daemon", "outputConfig"},
		{"Every Lua plugin (engine sandbox)", "pkg/daemon", "sandboxConfig"},
		{"trigger", "pkg/afd", "triggerConfig"},
		{"A rule of a trigger", "pkg/afd", "ruleConfig"},
		{"alarm", "pkg/afd", "alarmConfig"},
		{"alarm_cluster", "pkg/gse", "clusterConfig"},
		{"A rule of a policy", "pkg/gse", "policyRuleConfig"},
		{"TLS", "pkg/tlsconfig", "Config"},
	}
}

func TestConfigurationIsDocumented(t *testing.T) {
	s := &structs{t: t, files: map[string][]*ast.File{}}

	var doc strings.Builder
	for _, p := range parts() {
		rows := s.rows(p[1], p[2], "", reflect.Value{})
		explain(t, p[0], rows)
		writeTable(&doc, "## "+p[0], rows)
	}
	all := engines()
	for _, section := range []string{"input", "encoder", "output"} {
		fmt.Fprintf(&doc, "\n# Engines of section `%s`\n", section)
		for _, name := range slices.Sorted(maps.Keys(all[section])) {
			v := reflect.ValueOf(all[section][name])
			dir := strings.TrimPrefix(v.Type().PkgPath(), module)
			writeTable(&doc, "## "+section+" `"+name+"`", s.rows(dir, v.Type().Name(), "", v))
		}
	}
	const path = "docs/configuration.md"
	text := readFile(t, path)
	head, tables, ok := strings.Cut(text, marker)
	require.True(t, ok, "%s has lost its marker", path)
	if *update {
		require.NoError(t, os.WriteFile(filepath.Join("..", "..", path), []byte(head+marker+doc.String()), 0o644))
		return
	}
	require.Equal(t, doc.String(), tables, "a key has changed: run 'go test ./internal/docs -update' and look at the difference")
}

// explain fills in what the comments of the structs leave open.
func explain(t *testing.T, table string, rows []row) {
	t.Helper()
	left := maps.Clone(meanings()[table])
	for i := range rows {
		if text, ok := left[rows[i].key]; ok {
			rows[i].text = text
			delete(left, rows[i].key)
		}
	}
	require.Empty(t, left, "table %s: a meaning without a key", table)
}

func writeTable(doc *strings.Builder, title string, rows []row) {
	fmt.Fprintf(doc, "\n%s\n\n", title)
	if len(rows) == 0 {
		doc.WriteString("No keys of its own.\n")
		return
	}
	doc.WriteString("| key | value | default | meaning |\n|---|---|---|---|\n")
	clean := strings.NewReplacer("|", `\|`, "\n", " ", "<", "&lt;")
	for _, r := range rows {
		standard := r.standard
		if standard != "" {
			standard = "`" + clean.Replace(standard) + "`"
		}
		fmt.Fprintf(doc, "| `%s` | %s | %s | %s |\n", r.key, clean.Replace(r.kind), standard, clean.Replace(r.text))
	}
}

// An engine without a table would be one that nobody finds.
func TestEveryEngineHasATable(t *testing.T) {
	all := engines()
	require.ElementsMatch(t, keysOfTable(t, "pkg/daemon/inputtable.go", "inputPlugins"), slices.Collect(maps.Keys(all["input"])))
	require.ElementsMatch(t, keysOfTable(t, "pkg/daemon/outputtable.go", "outputPlugins"), slices.Collect(maps.Keys(all["output"])))
	require.ElementsMatch(t, encoders.Names(), slices.Collect(maps.Keys(all["encoder"])))
}
