-- Pacemaker and Corosync: by way of rsyslog (option syslog_pattern), or their own
-- files:
--   Mar 13 04:00:02 [1200] host prog: LEVEL: text
--   Mar 13 04:00:02 host prog [1200] (function) level: text
local l = require "lpeg"
l.locale(l)
local record = require "log_record"
local severity = require "log_severity"
local syslog = require "log_syslog"
local time = require "log_time"

local pattern = read_config("syslog_pattern") or error("syslog_pattern must be given: the rsyslog template of the file")
local parser = syslog.new(pattern)

local blanks = l.space ^ 1
local word = (1 - l.space) ^ 1
local name = (l.alnum + l.S "._-") ^ 1
local pid = l.P "[" * l.Cg(l.digit ^ 1, "pid") * "]"
local rest = l.Cg(l.alpha ^ 1, "level") * ":" * blanks * l.Cg(l.P(1) ^ 0, "message")
local first = time.bsd * blanks * pid * blanks * word * blanks * l.Cg(name, "program") * ":" * blanks * rest
local second = time.bsd * blanks * word * blanks * l.Cg(name, "program") * blanks * pid * blanks
    * (l.P "(" * (1 - l.P ")") ^ 0 * ")" * blanks) ^ -1 * rest
local grammar = l.Ct(first) + l.Ct(second)

local msg = { Type = "log" }

function process_message()
    local log = record.payload()
    local m = grammar:match(log)
    if not m then
        if parser:parse(log, msg) then return record.emit(msg, parser.exact) end
        return record.reject("pacemaker", log)
    end
    msg.Timestamp = time.from_parts(m)
    if not msg.Timestamp then return record.reject("pacemaker", log) end
    msg.Hostname = nil
    msg.Pid = record.pid(m.pid)
    msg.Severity = severity.number(m.level, 7)
    msg.Payload = record.chomp(m.message)
    msg.Fields = { severity_label = severity.labels[msg.Severity], programname = m.program }
    return record.emit(msg)
end
