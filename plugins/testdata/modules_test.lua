-- Checks of the modules that other people's plugins use, run by `tocsin lua`.
local function equal(want, got, what)
    if want ~= got then
        error(string.format("%s: want %s, got %s", what, tostring(want), tostring(got)), 2)
    end
end

local dt = require "date_time"
equal(925971839217, math.floor(dt.time_to_ns(dt.rfc3339:match("1999-05-05T23:23:59.217-07:00")) / 1e6 + 0.5), "rfc3339")
equal(1489419647e9, dt.time_to_ns(dt.build_strftime_grammar("%m/%d/%Y %r"):match("03/13/2017 03:40:47 PM")), "%r")
equal(971211336e9, dt.time_to_ns(dt.clf_timestamp:match("10/Oct/2000:13:55:36 -0700")), "clf")
equal(951782400e9, dt.time_to_ns(dt.mysql_timestamp:match("20000229000000")), "mysql")
equal(nil, dt.rfc3339:match("1999-13-05T23:23:59Z"), "month 13")
equal(0, dt.time_to_ns(nil), "no time")
equal(false, (pcall(dt.build_strftime_grammar, "%Q")), "unknown specifier")

local ip = require "ip_address"
for address, good in pairs {
    ["2001:db8::7"] = true, ["::1"] = true, ["::"] = true, ["1:2:3:4:5:6:7:8"] = true, ["::ffff:1.2.3.4"] = true,
    ["1::"] = true, ["1:2:3:4:5:6:7::"] = true, ["1:2:3"] = false, ["g::1"] = false,
} do
    equal(good, (ip.v6 * -1):match(address) ~= nil, address)
end
equal(nil, (ip.v4 * -1):match("256.1.1.1"), "256")

local syslog = require "syslog"
local m = syslog.build_rsyslog_grammar("<%PRI%>%TIMESTAMP% %HOSTNAME% %syslogtag%%msg:::sp-if-no-1st-sp%%msg%\\n")
    :match("<38>Mar 13 09:01:02 ctl01 sshd[4411]: Invalid user\n")
equal(4, m.pri.facility, "facility")
equal(6, m.pri.severity, "severity")
equal(4411, m.syslogtag.pid, "pid")
equal("Invalid user", m.msg, "msg")
m = syslog.build_rsyslog_grammar("%STRUCTURED-DATA% %msg%"):match('[id@1 a="b\\"c"] x')
equal("id@1", m["structured-data"].id, "sd id")
equal('b"c', m["structured-data"]._a, "sd value")
equal(false, (pcall(syslog.build_rsyslog_grammar, "%foo%")), "unknown property")
equal(4, syslog.severity:match("WARN"), "severity word")

local clf = require "common_log_format"
m = clf.build_apache_grammar('%h %l %u %t \\"%r\\" %>s %b'):match(
    '10.0.0.1 - bob [10/Oct/2000:13:55:36 -0700] "GET /a HTTP/1.0" 200 -')
equal("10.0.0.1", m.remote_addr.value, "remote_addr")
equal("ipv4", m.remote_addr.representation, "representation")
equal("bob", m.remote_user, "remote_user")
equal("GET /a HTTP/1.0", m.request, "request")
equal(0, m.body_bytes_sent.value, "no bytes")
equal(971211336e9, m.time, "time")
m = clf.build_nginx_grammar('$remote_addr [$time_local] "$request" $status $request_time $upstream_response_time'):match(
    '::1 [10/Oct/2000:13:55:36 -0700] "GET /a HTTP/1.0" 200 0.005 0.001, 0.002 : -')
equal("ipv6", m.remote_addr.representation, "ipv6")
equal(3, #m.upstream_response_time.value, "upstreams")
m = clf.nginx_error_grammar:match("2023/10/10 10:00:00 [error] 123#124: *5 open() failed")
equal(3, m.Severity, "error level")
equal(5, m.Fields.connection, "connection")
equal("Chrome 56 Linux", table.concat({ clf.normalize_user_agent("X11; Linux x86_64 Chrome/56.0 Safari/5") }, " "), "agent")

local anomaly = require "anomaly"
local config = anomaly.parse_config('roc("a""b", 1, 15, 0, 2, true, false) mww("c", 2, 60, 10, 0.0001, any)')
equal("roc", config['a"b'][1].algorithm, "roc")
equal(0.0001, config.c[1].pvalue, "pvalue")
equal(false, (pcall(anomaly.parse_config, "foo")), "not a call")
local circular_buffer = require "circular_buffer"
local buffer = circular_buffer.new(10, 1, 1)
for i = 1, 8 do buffer:add(i * 1e9, 1, i == 8 and 100 or i % 2) end
config = anomaly.parse_config('roc("p", 1, 2, 0, 2, false, false)')
local text, notes = anomaly.detect(9e9, "p", buffer, config)
equal("p - algorithm: roc col: 1 msg: detected anomaly, standard deviation exceeds 2", text, "roc strikes")
equal(1, #notes, "annotations")
equal(nil, (anomaly.detect(9e9, "p", buffer, config)), "once a row")

local annotation = require "annotation"
annotation.add("n", 1e9, 1, "A", "old")
annotation.add("n", 90000e9, 1, "A", "new")
equal('{"annotations":[{', string.sub(annotation.prune("n", 90001e9), 1, 17), "prune")
equal(1, #_ANNOTATIONS.n.annotations, "pruned")

local util = require "util"
local fields = {}
util.table_to_fields({ a = { b = { c = 1 } }, d = true }, fields)
equal(1, fields["a.b.c"], "flattened")
local list = { 1, 2, 3, 4 }
util.behead_array(3, list)
equal("3 4", table.concat(list, " "), "beheaded")

equal(2, #require("cbufd").grammar:match('{"x":1}\n1379660520\t12075\tnan\n1379660580\t1\t-2.5\n'), "cbufd rows")

local slow = require("mysql").slow_query_grammar:match("# User@Host: syncrw[syncrw] @  [127.0.0.1]\n"
    .. "# Query_time: 2.964652  Lock_time: 0.000050 Rows_sent: 251  Rows_examined: 9773\nuse widget;\n"
    .. "SET last_insert_id=999,insert_id=1000,timestamp=1399500744;\nselect 1;\n")
equal("syncrw", slow.Username, "user")
equal("1399500744000000000", slow.Timestamp, "timestamp")
equal(2.964652, slow.Fields.Query_time.value, "query time")
equal(999, slow.Fields.Last_insert or slow.Last_insert, "last insert")

equal("stats.counters.b.count 5 10\nstats.counters.b.rate 0.500000 10\n", require("graphite").count_rate("b", 5, 10, 10),
    "count_rate")
