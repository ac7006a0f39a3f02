package encoders

import (
	"strconv"
	"strings"

	"github.com/tocsin-lma/tocsin/pkg/message"
)

// ecsNames maps our fields to those of the Elastic Common Schema 8.
var ecsNames = map[string]string{
	"severity_label":         "log.level",
	"programname":            "process.name",
	"syslogfacility":         "log.syslog.facility.code",
	"http_method":            "http.request.method",
	"http_status":            "http.response.status_code",
	"http_url":               "url.original",
	"http_version":           "http.version",
	"http_response_size":     "http.response.body.bytes",
	"http_client_ip_address": "client.address",
	"user_id":                "user.id",
	"tenant_id":              "organization.id",
	"request_id":             "trace.id",
	"event_type":             "event.action",
	"outcome":                "event.outcome",
	"python_module":          "log.origin.function",
	"environment_label":      "service.environment",
}

// appendECS appends the document of m by the Elastic Common Schema. Fields it
// has no place for are below `tocsin`.
func appendECS(dst []byte, m *message.Message) []byte {
	dst = append(dst, `{"@timestamp":"`...)
	dst = append(appendExact(dst, civilOf(m.Timestamp)), `Z","ecs.version":"8.11.0","event.dataset":`...)
	dst = appendString(dst, plainType(m.Type))
	if !m.UUID.IsZero() {
		dst = append(m.UUID.AppendText(append(dst, `,"event.id":"`...)), '"')
	}
	dst = appendString(append(dst, `,"message":`...), m.Payload)
	dst = appendString(append(dst, `,"host.name":`...), m.Hostname)
	dst = appendString(append(dst, `,"log.logger":`...), m.Logger)
	dst = strconv.AppendInt(append(dst, `,"log.syslog.severity.code":`...), int64(m.Severity()), 10)
	if m.PID() != 0 {
		dst = strconv.AppendInt(append(dst, `,"process.pid":`...), int64(m.PID()), 10)
	}
	for i := range m.Fields {
		f := &m.Fields[i]
		if f.Len() == 0 || before(m.Fields[:i], f.Name) {
			continue
		}
		dst = append(dst, ',')
		name, known := ecsNames[f.Name]
		switch {
		case f.Name == "http_response_time": // seconds here, nanoseconds there
			if s, ok := f.At(0).Number(); ok {
				dst = appendDouble(append(dst, `"event.duration":`...), float64(int64(s*1e9)))
				continue
			}
		case f.Name == "severity_label" && f.Type == message.String:
			dst = appendString(append(dst, `"log.level":`...), strings.ToLower(f.At(0).Str()))
			continue
		}
		if !known {
			name = "tocsin." + strings.Trim(strings.ReplaceAll(f.Name, ".", "_"), " ")
		}
		dst = append(appendString(dst, name), ':')
		dst = appendField(dst, f)
	}
	return append(dst, '}')
}
