package encoders_test

import (
	"encoding/json"
	"math"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/pkg/config"
	"github.com/tocsin-lma/tocsin/pkg/encoders"
	"github.com/tocsin-lma/tocsin/pkg/message"
)

func open(t testing.TB, name, yaml string, bare bool) encoders.Encoder {
	t.Helper()
	node, err := config.Load(config.Source{Name: "test.yml", Data: []byte(yaml)})
	require.NoError(t, err)
	e, err := encoders.Open(name, node, encoders.Options{Bare: bare})
	require.NoError(t, err)
	return e
}

func encode(t testing.TB, e encoders.Encoder, m *message.Message) string {
	t.Helper()
	out, err := e.Encode([]byte("before"), m)
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(string(out), "before"))
	return string(out[len("before"):])
}

func logMessage() *message.Message {
	m := &message.Message{
		UUID: message.DerivedUUID(1, 2, 0), Timestamp: 1489400000123456789, Type: "log", Logger: "openstack.nova", Hostname: "ctl01",
		Payload: `10.0.0.1 "GET /v2/servers/detail HTTP/1.1" status: 200 len: 1893 time: 0.1234567`,
	}
	m.SetSeverity(6)
	m.SetPID(4001)
	m.AddString("severity_label", "INFO")
	m.AddString("programname", "nova-api")
	m.AddString("python_module", "nova.osapi_compute.wsgi.server")
	m.AddString("request_id", "f7bee4cd-1e1f-4d3f-8f1e-7b1c0f3ab1aa")
	m.AddString("http_method", "GET")
	m.AddDouble("http_status", 200, "")
	m.AddString("http_url", "/v2/servers/detail")
	m.AddDouble("http_response_size", 1893, "B")
	m.AddDouble("http_response_time", 0.1234567, "s")
	m.AddString("environment_label", "mcp.lab")
	return m
}

func TestElasticsearchDefault(t *testing.T) {
	m := logMessage()
	m.AddString("programname", "a second one is not read")
	m.AddString("Type", "called like a header")
	m.AddStrings("list", "a", "b")
	m.AddDouble("nan", math.NaN(), "")
	m.AddBool("ok", true)
	lines := strings.Split(encode(t, open(t, "elasticsearch", "", false), m), "\n")
	require.Len(t, lines, 3)
	require.Empty(t, lines[2])
	require.JSONEq(t, `{"index":{"_index":"log-2017.03.13","_id":"`+m.UUID.String()+`","op_type":"create"}}`, lines[0])
	require.JSONEq(t, `{"severity_label":"INFO","programname":"nova-api","python_module":"nova.osapi_compute.wsgi.server",
		"request_id":"f7bee4cd-1e1f-4d3f-8f1e-7b1c0f3ab1aa","http_method":"GET","http_status":200,"http_url":"/v2/servers/detail",
		"http_response_size":1893,"http_response_time":0.1234567,"environment_label":"mcp.lab","fields_Type":"called like a header",
		"list":["a","b"],"nan":null,"ok":true,"Hostname":"ctl01","Logger":"openstack.nova",
		"Payload":"10.0.0.1 \"GET /v2/servers/detail HTTP/1.1\" status: 200 len: 1893 time: 0.1234567",
		"Pid":4001,"Severity":6,"Timestamp":"2017-03-13T10:13:20.123456789","Type":"log"}`, lines[1])
}

func TestElasticsearchForms(t *testing.T) {
	m := &message.Message{UUID: message.DerivedUUID(1, 2, 0), Timestamp: 1489363199999999999, Type: "notification", Logger: "nova", Payload: "{}", Hostname: "mon01"}
	for name, c := range map[string]struct{ yaml, action, document string }{
		"compatible": {
			"{compatible: true}", `{"index":{"_index":"notification-2017.03.12","_type":"message"}}`,
			`{"Hostname":"mon01","Logger":"nova","Payload":"{}","Pid":0,"Severity":7,"Timestamp":"2017-03-12T23:59:59","Type":"notification"}`,
		},
		"data stream": {
			"{data_stream: 'logs-%{Logger}-default', fields: [Timestamp, Payload]}",
			`{"create":{"_index":"logs-nova-default","_id":"` + m.UUID.String() + `"}}`,
			`{"Payload":"{}","Timestamp":"2017-03-12T23:59:59.999999999","@timestamp":"2017-03-12T23:59:59.999999999Z"}`,
		},
		"ecs": {
			"{index: 'Tocsin/%{%Y}', ecs: true}",
			`{"index":{"_index":"tocsin_2017","_id":"` + m.UUID.String() + `","op_type":"create"}}`,
			`{"@timestamp":"2017-03-12T23:59:59.999999999Z","ecs.version":"8.11.0","event.dataset":"notification","event.id":"` + m.UUID.String() +
				`","message":"{}","host.name":"mon01","log.logger":"nova","log.syslog.severity.code":7}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			lines := strings.Split(encode(t, open(t, "elasticsearch", c.yaml, false), m), "\n")
			require.JSONEq(t, c.action, lines[0])
			require.JSONEq(t, c.document, lines[1])
		})
	}
}

func TestElasticsearchECSFields(t *testing.T) {
	lines := strings.Split(encode(t, open(t, "elasticsearch", "{ecs: true}", false), logMessage()), "\n")
	var doc map[string]any
	require.NoError(t, json.Unmarshal([]byte(lines[1]), &doc))
	require.Equal(t, "info", doc["log.level"])
	require.EqualValues(t, 123456700, doc["event.duration"])
	require.EqualValues(t, 200, doc["http.response.status_code"])
	require.EqualValues(t, 4001, doc["process.pid"])
}

func TestElasticsearchInvalidUTF8(t *testing.T) {
	m := &message.Message{Type: "log", Payload: "ok \xff\xc3( \u20ac\x01\x1f\"\\\t\b end of it, long enough"}
	lines := strings.Split(encode(t, open(t, "elasticsearch", "", false), m), "\n")
	var doc map[string]any
	require.NoError(t, json.Unmarshal([]byte(lines[1]), &doc))
	require.Equal(t, strings.ToValidUTF8("ok \ufffd\ufffd( \u20ac\x01\x1f\"\\\t\b end of it, long enough", ""), doc["Payload"])
	require.True(t, utf8.ValidString(lines[1]))
}

func metric(name string, value message.Value, tags ...string) *message.Message {
	m := &message.Message{Type: "metric", Timestamp: 1489400000123456789}
	m.AddString("name", name)
	m.AddField(message.NewField("value", "", value))
	var names []string
	for i := 0; i+1 < len(tags); i += 2 {
		m.AddString(tags[i], tags[i+1])
		names = append(names, tags[i])
	}
	m.AddStrings("tag_fields", names...)
	return m
}

func TestLineProtocol(t *testing.T) {
	const at = " 1489400000123\n"
	both := metric("annotations", message.BoolValue(true), "cluster", "nova")
	both.Type = "multivalue_metric"
	both.AddString("title", `status is "WARN"`)
	both.AddDouble("n", 0.1, "")
	both.AddStrings("value_fields", "title", "n", "none")
	common := metric("m", message.DoubleValue(1), "z", "1", "region", "own", "a", "2")
	common.AddString("environment_label", "lab")
	for name, c := range map[string]struct {
		m    *message.Message
		yaml string
		want string
	}{
		"exact":       {metric("m", message.DoubleValue(1e-7)), "", "m value=1e-07" + at},
		"whole":       {metric("m", message.DoubleValue(4)), "", "m value=4" + at},
		"integer":     {metric("m", message.IntegerValue(1<<60+1)), "", "m value=1152921504606846977" + at},
		"compatible":  {metric("m", message.DoubleValue(1.5)), "{compatible: true}", "m value=1.500000" + at},
		"string":      {metric("m", message.StringValue("a \"b\"\nc")), "", `m value="a \"b\" c"` + at},
		"bool":        {metric("m", message.BoolValue(true), "az", ""), "", "m value=true" + at},
		"escapes":     {metric(`a b,c='d'`, message.DoubleValue(1), "t", "x\ny", "u=v", `back\`), "", `a\ b\,c\=d,t=x\ y,u\=v=back value=1` + at},
		"nan":         {metric("m", message.DoubleValue(math.NaN())), "", ""},
		"inf":         {metric("m", message.DoubleValue(math.Inf(-1))), "", ""},
		"no value":    {&message.Message{Type: "metric", Fields: []message.Field{message.NewField("name", "", message.StringValue("m"))}}, "", ""},
		"multi-value": {both, "", `annotations,cluster=nova title="status is \"WARN\"",n=0.1` + at},
		"common tags": {common, "", "m,a=2,environment_label=lab,region=own,z=1 value=1" + at},
		"seconds":     {metric("m", message.DoubleValue(1)), "{time_precision: s}", "m value=1 1489400000\n"},
		"bulk": {
			&message.Message{
				Type: "heka.sandbox.bulk_metric", Timestamp: 1489400000123456789,
				Payload: `[{"name":"a","value":1,"tags":{"h":"x"}},{"name":"b","values":{"p":0.5,"q":null}},{"value":1},{"name":"c","value":null},{"name":"d","value":2,"timestamp":1489400001000000000}]`,
			}, "", "a,h=x value=1" + at + "b p=0.5" + at + "d value=2 1489400001000\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, c.want, encode(t, open(t, "line_protocol", c.yaml, false), c.m))
		})
	}
}

func TestLineProtocolRefuses(t *testing.T) {
	e := open(t, "line_protocol", "", false)
	for _, m := range []*message.Message{{Type: "metric"}, {Type: "bulk_metric", Payload: "{"}, {Type: "bulk_metric", Payload: "{}"}} {
		out, err := e.Encode(nil, m)
		require.ErrorIs(t, err, message.ErrPermanent)
		require.Empty(t, out)
	}
}

func TestSyslog(t *testing.T) {
	e := open(t, "syslog", "", false)
	m := &message.Message{Type: "log", Timestamp: 1489400000123456789, Hostname: "ctl01", Logger: "openstack.nova", Payload: "a\nb\n"}
	m.SetSeverity(3)
	m.SetPID(4001)
	m.AddString("programname", "my app")
	require.Equal(t, "<131>1 2017-03-13T10:13:20Z ctl01 my_app 4001 - - a#b\n", encode(t, e, m))
	m.AddDouble("syslogfacility", 4, "")
	require.Equal(t, "<35>1 2017-03-13T10:13:20Z ctl01 my_app 4001 - - a#b\n", encode(t, e, m))
	require.Equal(t, "<191>1 1970-01-01T00:00:00Z - - - - - \n", encode(t, open(t, "syslog", "{facility: 23}", false), &message.Message{}))
	_, err := encoders.NewSyslog(encoders.SyslogConfig{Facility: new(int)})
	require.NoError(t, err)
	n := 24
	_, err = encoders.NewSyslog(encoders.SyslogConfig{Facility: &n})
	require.ErrorContains(t, err, "0 to 23")
}

func TestPayloadProtobufAndRST(t *testing.T) {
	m := &message.Message{UUID: message.DerivedUUID(1, 1, 1), Timestamp: 1489400000123456789, Payload: "text", Type: "log"}
	require.Equal(t, "text\n", encode(t, open(t, "payload", "", false), m))
	require.Equal(t, "text", encode(t, open(t, "payload", "{append_newlines: false}", false), m))
	require.Equal(t, "[2017/03/13:10:13:20 +0000] text\n", encode(t, open(t, "payload", "{prefix_ts: true}", false), m))
	require.Equal(t, string(message.AppendFramed(nil, m)), encode(t, open(t, "protobuf", "", false), m))
	require.Equal(t, string(message.AppendMessage(nil, m)), encode(t, open(t, "protobuf", "{use_framing: false}", false), m))
	m.AddField(message.NewField("size", "B", message.IntegerValue(1), message.IntegerValue(2)))
	require.Contains(t, encode(t, open(t, "rst", "", false), m), `    | name:"size" type:integer value:[1,2] representation:"B"`)
}

func TestJSONKeepsTypes(t *testing.T) {
	m := &message.Message{Type: "x", Payload: "\xff"}
	m.AddField(message.NewField("b", "", message.BytesValue("\x00\xff")))
	m.AddDouble("d", math.Inf(1), "s")
	var doc struct {
		PayloadBase64 string `json:"payload_base64"`
		Fields        []struct {
			Name  string
			Value []any
		}
	}
	require.NoError(t, json.Unmarshal([]byte(encode(t, open(t, "json", "", false), m)), &doc))
	require.Equal(t, "/w==", doc.PayloadBase64)
	require.Equal(t, []any{"AP8="}, doc.Fields[0].Value)
	require.Equal(t, []any{"inf"}, doc.Fields[1].Value)
}

func TestResources(t *testing.T) {
	e := open(t, "es_ceilometer_resources", "", false)
	m := &message.Message{Payload: "{\"r1\":{\"timestamp\":\"2017-03-13T10:13:20.000000+00:00\",\"metadata\":{\"a\":\n1},\"meter\":{\"cpu\":{\"type\":\"gauge\",\"unit\":\"ns\"}}}}"}
	lines := strings.Split(encode(t, e, m), "\n")
	require.Len(t, lines, 3)
	require.JSONEq(t, `{"update":{"_index":"ceilometer_resource","_id":"r1","retry_on_conflict":3}}`, lines[0])
	var doc map[string]map[string]any
	require.NoError(t, json.Unmarshal([]byte(lines[1]), &doc))
	require.Equal(t, "2017-03-13T10:13:20.000000+00:00", doc["upsert"]["first_sample_timestamp"])
	require.Equal(t, map[string]any{"a": 1.0}, doc["upsert"]["metadata"])
	_, err := e.Encode(nil, &message.Message{Payload: "[]"})
	require.ErrorIs(t, err, message.ErrPermanent)
}

func TestOpenNamesTheChoices(t *testing.T) {
	_, err := encoders.Open("nope", nil, encoders.Options{})
	require.ErrorContains(t, err, "elasticsearch")
	for _, name := range encoders.Names() {
		_, err := encoders.Open(name, nil, encoders.Options{})
		require.NoError(t, err, name)
	}
}

func form(t *testing.T, text string) url.Values {
	t.Helper()
	v, err := url.ParseQuery(text)
	require.NoError(t, err)
	return v
}
