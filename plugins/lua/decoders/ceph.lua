-- Ceph: the daemons' logs, with a debug level from -1 (error) on, and the
-- cluster's log, with a level word.
--   2017-03-13T10:00:00.123+0000 7f12345 -1 mon.a@0(leader) e1 text
--   2017-03-13T10:00:00.123+0000 mon.a (mon.0) 123 : cluster [INF] text
local l = require "lpeg"
l.locale(l)
local record = require "log_record"
local severity = require "log_severity"
local time = require "log_time"

local words = { DBG = 7, INF = 6, SEC = 5, WRN = 4, ERR = 3 }

local sp = l.P " " ^ 1
local name = (1 - l.S " \n") ^ 1
local number = l.P "-" ^ -1 * l.digit ^ 1 / tonumber
local rest = l.Cg(l.P(1) ^ 0, "text")
local daemon = l.Ct(time.stamp * sp * l.Cg(l.xdigit ^ 6, "thread") * sp * l.Cg(number, "debug")
    * (l.P " " + #l.P "\n" + -1) * rest)
local cluster = l.Ct(time.stamp * sp * l.Cg(name, "entity") * sp * name * (sp * l.digit ^ 1 * "/" * l.digit ^ 1) ^ -1 * sp
    * l.digit ^ 1 * sp * ":" * sp * l.Cg(l.alpha ^ 1, "channel") * sp * "[" * l.Cg(l.R "AZ" ^ 1 / words, "severity") * "]"
    * l.P " " ^ -1 * rest)

local function debug_level(n)
    if n < 0 then return 3 end
    if n == 0 then return 5 end
    return n <= 5 and 6 or 7
end

local fields = {}
local msg = { Type = "log", Fields = fields }

function process_message()
    local log = record.payload()
    local m = cluster:match(log)
    if not m or not m.severity then m = daemon:match(log) end
    if not m then return record.reject("ceph", log) end
    local exact
    msg.Timestamp, exact = time.to_ns(m)
    msg.Severity = m.severity or debug_level(m.debug)
    msg.Payload = record.chomp(m.text)
    fields.severity_label = severity.labels[msg.Severity]
    fields.programname = m.entity or "ceph"
    fields.ceph_channel = m.channel
    fields.ceph_thread = m.thread
    fields.ceph_debug_level = m.debug
    return record.emit(msg, exact)
end
