-- libvirt:  2017-03-13 08:14:09.417+0000: 2290: error : func:12 : text
local l = require "lpeg"
l.locale(l)
local record = require "log_record"
local severity = require "log_severity"
local time = require "log_time"

local level = l.P "debug" + "info" + "warning" + "error"
local grammar = l.Ct(time.stamp * ": " * l.Cg(l.digit ^ 1, "pid") * ": " * l.Cg(level / string.upper, "level")
    * " : " * l.Cg(l.P(1) ^ 0, "message"))

local fields = { programname = "libvirt" }
local msg = { Type = "log", Fields = fields }

function process_message()
    local log = record.payload()
    local m = grammar:match(log)
    if not m then return record.reject("libvirt", log) end
    local exact
    msg.Timestamp, exact = time.to_ns(m)
    msg.Pid = record.pid(m.pid)
    msg.Severity = severity.number(m.level)
    msg.Payload = record.chomp(m.message)
    fields.severity_label = m.level
    return record.emit(msg, exact)
end
