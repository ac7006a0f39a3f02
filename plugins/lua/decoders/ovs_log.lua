-- Open vSwitch:  2017-03-13T07:30:11.905Z|00041|bridge|INFO|text
local l = require "lpeg"
l.locale(l)
local record = require "log_record"
local severity = require "log_severity"
local time = require "log_time"

-- all lower or all upper case
local level = l.P(false)
for _, word in ipairs { "debug", "dbg", "info", "notice", "warning", "warn", "error", "err", "crit", "alert",
    "emerg", "emer", "panic" } do
    level = level + l.P(word) + l.P(string.upper(word))
end

local grammar = l.Ct(time.stamp * "|" * l.Cg(l.digit ^ 1, "pid") * "|" * l.Cg((1 - l.S "|\n") ^ 1, "module")
    * "|" * l.Cg(level, "level") * "|" * l.Cg((1 - l.P "\n") ^ 0, "message"))

local fields = {}
local msg = { Type = "log", Logger = "ovs", Fields = fields }

function process_message()
    local log = record.payload()
    local m = grammar:match(log)
    if not m then return record.reject("openvswitch", log) end
    local exact
    msg.Timestamp, exact = time.to_ns(m)
    msg.Pid = record.pid(m.pid)
    msg.Severity = severity.number(m.level)
    msg.Payload = m.module .. ": " .. m.message
    fields.severity_label = severity.labels[msg.Severity]
    fields.programname = read_message("Logger")
    return record.emit(msg, exact)
end
