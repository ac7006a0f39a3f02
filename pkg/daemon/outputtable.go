package daemon

import (
	"os"
	"time"

	"github.com/tocsin-lma/tocsin/pkg/buffer"
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
	"github.com/tocsin-lma/tocsin/pkg/pipeline"
)

// outputPlugins is the table of output engines: how one is made, the encoder it
// has when the model names none, what its queue does when it is full, and how
// records are gathered into batches.
func outputPlugins() map[string]outputPlugin {
	bulk := pipeline.BatchOptions{Bytes: 2 << 20, Interval: time.Second}
	soon := pipeline.BatchOptions{Bytes: 256 << 10, Interval: 50 * time.Millisecond}
	each := pipeline.BatchOptions{}
	return map[string]outputPlugin{
		"elasticsearch": {newOutput(elasticsearch.DefaultConfig, func(p *parts, c elasticsearch.Config) (pipeline.Output, error) {
			return elasticsearch.New(c, p.log)
		}), "elasticsearch", buffer.Block, bulk},
		"influxdb": {newOutput(influxdb.DefaultConfig, func(p *parts, c influxdb.Config) (pipeline.Output, error) {
			return influxdb.New(c, p.log)
		}), "line_protocol", buffer.Drop, bulk},
		"otlp": {newOutput(otlp.DefaultConfig, func(p *parts, c otlp.Config) (pipeline.Output, error) {
			return otlp.New(c, p.log)
		}), "protobuf", buffer.Drop, bulk},
		"tcp": {newOutput(tcp.DefaultConfig, func(_ *parts, c tcp.Config) (pipeline.Output, error) {
			return tcp.New(c)
		}), "protobuf", buffer.Drop, soon},
		"udp": {newOutput(udp.DefaultConfig, func(_ *parts, c udp.Config) (pipeline.Output, error) {
			return udp.New(c)
		}), "json", buffer.Drop, each},
		"amqp": {newOutput(amqp.DefaultConfig, func(_ *parts, c amqp.Config) (pipeline.Output, error) {
			return amqp.New(c)
		}), "protobuf", buffer.Drop, soon},
		"http": {newOutput(http.DefaultConfig, func(_ *parts, c http.Config) (pipeline.Output, error) {
			return http.New(c)
		}), "payload", buffer.Drop, soon},
		"syslog": {newOutput(syslog.DefaultConfig, func(_ *parts, c syslog.Config) (pipeline.Output, error) {
			return syslog.New(c)
		}), "syslog", buffer.Drop, soon},
		"file": {newOutput(file.DefaultConfig, func(_ *parts, c file.Config) (pipeline.Output, error) {
			return file.New(c, time.Now)
		}), "json", buffer.Drop, soon},
		"log": {newOutput(log.DefaultConfig, func(p *parts, c log.Config) (pipeline.Output, error) {
			return log.New(c, p.log, os.Stdout, os.Stderr)
		}), "rst", buffer.Drop, each},
		"sensu": {newOutput(sensu.DefaultConfig, func(_ *parts, c sensu.Config) (pipeline.Output, error) {
			return sensu.New(c)
		}), "status_sensu", buffer.Drop, each},
		"nagios": {newOutput(nagios.DefaultConfig, func(_ *parts, c nagios.Config) (pipeline.Output, error) {
			return nagios.New(c)
		}), "status_nagios", buffer.Drop, each},
		"icinga2": {newOutput(icinga2.DefaultConfig, func(_ *parts, c icinga2.Config) (pipeline.Output, error) {
			return icinga2.New(c)
		}), "event", buffer.Drop, each},
		"alertmanager": {newOutput(alertmanager.DefaultConfig, func(_ *parts, c alertmanager.Config) (pipeline.Output, error) {
			return alertmanager.New(c, time.Now)
		}), eventEvery, buffer.Drop, soon},
		"webhook": {newOutput(webhook.DefaultConfig, func(_ *parts, c webhook.Config) (pipeline.Output, error) {
			return webhook.New(c)
		}), "event", buffer.Drop, each},
		"smtp": {newOutput(smtp.DefaultConfig, func(_ *parts, c smtp.Config) (pipeline.Output, error) {
			return smtp.New(c, time.Now)
		}), "status_smtp", buffer.Drop, each},
		"prometheus": {newOutput(prometheus.DefaultScrapeConfig, func(_ *parts, c prometheus.ScrapeConfig) (pipeline.Output, error) {
			return prometheus.OpenScrape(c, time.Now)
		}), "line_protocol", buffer.Drop, soon},
		"remote_write": {newOutput(prometheus.DefaultWriteConfig, func(_ *parts, c prometheus.WriteConfig) (pipeline.Output, error) {
			return prometheus.NewWriter(c)
		}), "line_protocol", buffer.Drop, bulk},
	}
}
