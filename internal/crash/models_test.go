package crash_test

import (
	"fmt"
	"strings"

	"github.com/tocsin-lma/tocsin/internal/crash"
)

// The parts of the configurations under test. Their waits are short because the
// rounds are.
const (
	files = `
    app:
      engine: logstreamer
      log_directory: "{logs}"
      file_match: 'app\.log\.?(?P<Index>\d+)?'
      differentiator: [app]
      priority: [^Index]
      rescan_interval: 200ms
      check_data_interval: 20ms
`
	frames = `
    previous:
      engine: tcp
      address: "{listen}"
`
	// The collector is never caught for longer than it asked for; here it asks for
	// long, so that an answer means that the values are safe.
	values = `
    heka_collectd:
      engine: http
      address: "{http.host}"
      port: {http.port}
      decoder: collectd
      accept_timeout: 30s
`
	brisk = `
      full_action: block
      flush_interval: 20ms
      send_timeout: 2s
      retries: {delay: 10ms, max_delay: 100ms}
`
	next = `
    next:
      engine: tcp
      address: "{next}"
      ack: true
      message_matcher: "Type == 'logfile'"` + brisk
)

// elastic and influx are outputs to a sink for the messages of a matcher.
func elastic(sink, matcher string) string {
	return fmt.Sprintf(`
    elasticsearch:
      engine: elasticsearch
      server: "http://{%s}"
      message_matcher: "%s"`, sink, matcher) + brisk
}

func influx(name, sink, matcher, encoder string) string {
	return fmt.Sprintf(`
    `+name+`:
      engine: influxdb%s
      address: "http://{%s}"
      database: crash
      message_matcher: "%s"`, encoder, sink, matcher) + brisk
}

const logs = "Type == 'logfile'"

// raw is the encoder of lines that are points already.
const (
	raw    = "\n  encoder:\n    raw: {engine: payload, append_newlines: false}"
	useRaw = "\n      encoder: raw"
)

func model(section, inputs, more, outputs string) string {
	return "\n" + section + ":\n  input:" + inputs + more + "\n  output:" + outputs
}

// point is a point of line protocol with a time of its own.
func point(n int) string {
	return fmt.Sprintf(`requests,node=n%d seq=%09d,text="%s" %d`, n%7, n, strings.Repeat("x", n%61), 1_700_000_000_000_000_000+n)
}

// scenario is one thing to run rounds of.
type scenario struct {
	name    string
	about   string // in the document
	options crash.Options
}

// scenarios are those of the record; bin holds the daemons.
func scenarios(bin string) []scenario {
	daemon := func(name, config string, ledger ...string) crash.Daemon {
		return crash.Daemon{
			Name: name, Config: config, Ledger: ledger,
			Command: []string{bin + "/" + name, "--no-defaults", "--config", "{config}", "--data-dir", "{data}", "--admin", "{admin}"},
		}
	}
	first := daemon("logcollector", model("log_collector", files, "", next), "next")
	return []scenario{
		{"elasticsearch", "log collector → Elasticsearch", crash.Options{Daemons: []crash.Daemon{
			daemon("logcollector", model("log_collector", files, "", elastic("sink1", logs)), "elasticsearch"),
		}}},
		{"refusals", "log collector → Elasticsearch, which refuses every 50th record for good", crash.Options{
			Refuse:  func(n int) bool { return n%50 == 7 },
			Daemons: []crash.Daemon{daemon("logcollector", model("log_collector", files, "", elastic("sink1", logs)), "elasticsearch")},
		}},
		{"small", "log collector → Elasticsearch, with a queue of 256 KiB that is often full", crash.Options{Daemons: []crash.Daemon{
			daemon("logcollector", model("log_collector", files, "", elastic("sink1", logs)+"      max_buffer_size: 262144\n"), "elasticsearch"),
		}}},
		{"influxdb", "log collector → InfluxDB", crash.Options{Line: point, Daemons: []crash.Daemon{
			daemon("logcollector", model("log_collector", files, raw, influx("influxdb", "sink1", logs, useRaw)), "influxdb"),
		}}},
		{"metrics", "collectd, and log collector → metric collector → Elasticsearch and InfluxDB", crash.Options{Line: point, Sinks: []crash.Wants{{Lines: true, Values: true}, {Lines: true}, {Values: true}}, Daemons: []crash.Daemon{
			first,
			daemon("metriccollector", model("metric_collector", frames+values, raw,
				elastic("sink1", both)+influx("lines", "sink2", logs, useRaw)+influx("values", "sink3", "Type == 'metric'", "")), "elasticsearch", "lines", "values"),
		}}},
		{"three", "log collector → metric collector → aggregator → Elasticsearch", crash.Options{Daemons: []crash.Daemon{
			first,
			daemon("metriccollector", model("metric_collector", frames, "", next), "next"),
			daemon("aggregator", model("aggregator", frames, "", elastic("sink1", logs)), "elasticsearch"),
		}}},
	}
}

const both = "Type == 'logfile' || Type == 'metric'"
