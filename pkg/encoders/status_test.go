package encoders_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/pkg/encoders"
	"github.com/tocsin-lma/tocsin/pkg/message"
)

const hinted = `{"alarms":[
{"message":"log errors","severity":"WARN","function":"max","metric":"log_messages","operator":">","threshold":0.1,"value":1.25,"fields":{"service":"nova"},"tags":{"dependency_level":"hint"}},
{"message":"API is down","severity":"DOWN","function":"last","metric":"api","operator":"==","threshold":0,"value":0,"fields":{"z":"1","a":"é"},"tags":{},"hostname":"ctl01"},
{"message":"moved","severity":"WARN","function":"roc","metric":"m","threshold":1e15,"value":-1,"fields":[]}]}`

func TestAlarmLines(t *testing.T) {
	require.Equal(t, []string{
		`API is down (DOWN, rule='last(api[a="é",z="1"])==0', current=0.00, host=ctl01)`,
		`moved (WARN, rule='roc(m)>1e+15', current=-1.00)`,
		"Other related alarms:",
		`log errors (WARN, rule='max(log_messages[service="nova"])>0.1', current=1.25)`,
	}, encoders.AlarmLines(hinted))
	require.Contains(t, encoders.AlarmLines(`{"alarms":[{"function":"max","metric":"m","operator":">","threshold":104857600,"value":2}]}`)[0], ">104857600'")
	require.Empty(t, encoders.AlarmLines(`{"alarms":[]}`))
	require.Empty(t, encoders.AlarmLines("nonsense"))
}

// verdict makes an AFD or GSE message; pairs are further string fields.
func verdict(kind string, code float64, notify bool, payload string, pairs ...string) *message.Message {
	m := &message.Message{Type: "heka.sandbox." + kind, Hostname: "mon01", Payload: payload}
	m.AddDouble("value", code, "")
	m.AddBool("alerting_enabled", true)
	m.AddBool("notification_enabled", notify)
	for i := 0; i+1 < len(pairs); i += 2 {
		m.AddString(pairs[i], pairs[i+1])
	}
	return m
}

const sensuYAML = "{sensu_source_dimension_key: nagios_host, notification_handler: pager, noop_handler: noop, watchdog_ttl: 120}"

func TestSensu(t *testing.T) {
	silent := verdict("afd_metric", 3, true, `{"alarms":[]}`, "member", "ping", "hostname", "cmp01")
	silent.RemoveField("alerting_enabled")
	for name, c := range map[string]struct {
		m    *message.Message
		want string
	}{
		"watchdog":       {&message.Message{Type: "heka.sandbox.watchdog", Hostname: "ctl01", Payload: "metric_collector"}, `{"name":"watchdog_metric_collector","source":"ctl01","status":0,"ttl":120,"output":"OKAY: "}`},
		"unknown":        {verdict("gse_metric", 2, false, `{"alarms":[]}`, "member", "nova-api", "nagios_host", "00-top-clusters"), `{"name":"nova-api","source":"00-top-clusters","status":2,"handler":"noop","output":"UNKNOWN: No details\n"}`},
		"no dimension":   {verdict("gse_metric", 0, false, `{"alarms":[]}`, "member", "nova-api"), `{"name":"nova-api","source":"unknown","status":0,"handler":"noop","output":"OKAY: "}`},
		"own handler":    {verdict("afd_metric", 3, true, `{"alarms":[]}`, "member", "ping", "notification_handler", "pagerduty"), `{"name":"ping","source":"mon01","status":2,"handler":"pagerduty","output":"CRITICAL: No details\n"}`},
		"no alerting":    {silent, `{"name":"ping","source":"cmp01","status":2,"output":"CRITICAL: No details\n"}`},
		"illegal names":  {verdict("afd_metric", 0, true, `{"alarms":[]}`, "member", "a b/c", "hostname", "h:1"), `{"name":"a_b_c","source":"h_1","status":0,"handler":"pager","output":"OKAY: "}`},
		"several alarms": {verdict("gse_metric", 4, true, hinted, "member", "n", "nagios_host", "x"), `{"name":"n","source":"x","status":2,"handler":"pager","output":` + quoted("DOWN: "+strings.Join(encoders.AlarmLines(hinted), "\n")+"\n") + `}`},
	} {
		t.Run(name, func(t *testing.T) {
			require.JSONEq(t, c.want, encode(t, open(t, "status_sensu", sensuYAML, true), c.m))
			require.True(t, strings.HasSuffix(encode(t, open(t, "status_sensu", sensuYAML, false), c.m), "}\n"))
		})
	}
	three := encode(t, open(t, "status_sensu", "{unknown_status: 3}", true), verdict("afd_metric", 2, false, "", "member", "m"))
	require.Contains(t, three, `"status":3`)
}

func quoted(s string) string {
	b, _ := json.Marshal(s)
	return string(b)
}

func TestStatusEncodersRefuse(t *testing.T) {
	for want, m := range map[string]*message.Message{
		"member":      verdict("afd_metric", 0, false, ""),
		"neither":     verdict("metric", 0, false, "", "member", "m"),
		"no status":   verdict("gse_metric", 9, false, "", "member", "m"),
		"field value": {Type: "afd_metric", Fields: []message.Field{message.NewField("member", "", message.StringValue("m"))}},
	} {
		for _, name := range []string{"status_sensu", "status_nagios"} {
			out, err := open(t, name, "", false).Encode(nil, m)
			require.ErrorContains(t, err, want)
			require.ErrorIs(t, err, message.ErrPermanent)
			require.Empty(t, out)
		}
	}
}

func TestNagios(t *testing.T) {
	afd := verdict("afd_metric", 1, false, `{"alarms":[{"severity":"WARN","function":"avg","metric":"cpu_idle","fields":{"service":"x"},"operator":"<=","value":4.5,"threshold":5,"message":"CPU usage is too high","hostname":"cmp001"}]}`,
		"member", "nova-api", "hostname", "cmp001", "environment_label", "mcp.lab")
	text := encode(t, open(t, "status_nagios", "{host_suffix_dimension_key: environment_label}", true), afd)
	f := form(t, text)
	require.Equal(t, "30", f.Get("cmd_typ"))
	require.Equal(t, "2", f.Get("cmd_mod"))
	require.Equal(t, "cmp001.mcp.lab", f.Get("host"))
	require.Equal(t, "1", f.Get("plugin_state"))
	require.True(t, f.Has("performance_data"))
	require.Equal(t, `nova-api WARN\nCPU usage is too high (WARN, rule='avg(cpu_idle[service="x"])<=5', current=4.50, host=cmp001)`, f.Get("plugin_output"))

	cluster := "{host_suffix_dimension_key: environment_label, nagios_host_dimension_key: nagios_host, default_nagios_host: 00-clusters}"
	f = form(t, encode(t, open(t, "status_nagios", cluster, true), verdict("gse_metric", 2, false, `{"alarms":[]}`, "member", "nova-api", "hostname", "h")))
	require.Equal(t, "00-clusters", f.Get("host"))
	require.Equal(t, "3", f.Get("plugin_state"))
	require.Equal(t, `nova-api UNKNOWN\nno details`, f.Get("plugin_output"))

	require.Contains(t, encode(t, open(t, "status_nagios", "", false), verdict("afd_metric", 1, false, "", "member", "a b~c_d.e-f/g")), "&service=a+b~c_d.e-f%2Fg&")
}

func TestNagiosCutsTheOutput(t *testing.T) {
	two := `{"alarms":[{"message":"a","severity":"DOWN","function":"last","metric":"m","operator":"==","threshold":0,"value":0},{"message":"b","severity":"DOWN","function":"last","metric":"m","operator":"==","threshold":0,"value":0}]}`
	first := `m DOWN\na (DOWN, rule='last(m)==0', current=0.00)`
	require.Len(t, first, 49)
	for size, want := range map[string]string{"49": first, "48": "m DOWN", "50": first, "6": "m DOWN", "5": "m DOW", "90": first, "92": first + first[6:7] + `nb` + first[9:]} {
		out := form(t, encode(t, open(t, "status_nagios", "{truncate_size: "+size+"}", true), verdict("gse_metric", 4, false, two, "member", "m")))
		require.Equal(t, want, out.Get("plugin_output"), size)
	}
	out := form(t, encode(t, open(t, "status_nagios", "{truncate_size: 2}", true), verdict("gse_metric", 4, false, two, "member", "aé")))
	require.Equal(t, "a", out.Get("plugin_output"), "no character is cut in two")
}

func TestMail(t *testing.T) {
	e := open(t, "status_smtp", "", true)
	for i, c := range []struct {
		code float64
		want string
	}{
		{0, ""},
		{4, "nova-control status is DOWN\nno detail"},
		{4, ""},
		{0, "nova-control status DOWN -> OKAY\nno detail"},
		{2, "nova-control status OKAY -> UNKNOWN\nno detail"},
	} {
		require.Equal(t, c.want, encode(t, e, verdict("gse_metric", c.code, true, `{"alarms":[]}`, "member", "nova_control", "cluster_name", "nova-control")), "step %d", i)
	}
	_, err := e.Encode(nil, verdict("gse_metric", 0, true, "", "member", "m"))
	require.ErrorContains(t, err, "cluster_name")
}
