-- Contrail's Python services:
--   03/13/2017 03:40:47 AM [contrail-alarm-gen]: text
-- The month may be a name, short or long. Any other line is an error message of
-- its own.
local l = require "lpeg"
l.locale(l)
local dt = require "date_time"
local record = require "log_record"

local stamp = l.P(false)
for _, format in ipairs { "%m/%d/%Y %r", "%b/%d/%Y %r", "%B/%d/%Y %r" } do
    stamp = stamp + dt.build_strftime_grammar(format) / dt.time_to_ns
end
local grammar = l.Ct(l.Cg(stamp, "ns") * l.space * "[" * l.Cg((l.alnum + l.S "._-") ^ 1, "module") * "]:" * l.space
    * l.Cg(l.P(1) ^ 0, "message"))

local fields = {}
local msg = { Type = "log", Fields = fields }

function process_message()
    local log = record.payload()
    local m = grammar:match(log)
    msg.Timestamp = m and m.ns
    msg.Severity = m and 6 or 3
    msg.Payload = record.chomp(m and m.message or log)
    fields.severity_label = m and "INFO" or "ERROR"
    fields.programname = m and m.module
    return record.emit(msg)
end
