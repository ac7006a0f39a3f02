-- RabbitMQ's log. Up to version 3.6, records of several lines:
--   =ERROR REPORT==== 13-Mar-2017::05:06:07 ===
--   text
-- from 3.7 on, lines:
--   2023-10-10 10:00:00.123456+00:00 [info] <0.222.0> text
local l = require "lpeg"
l.locale(l)
local record = require "log_record"
local severity = require "log_severity"
local time = require "log_time"

local day = l.R "13" * l.digit + l.P "0" ^ -1 * l.R "19"
local report = l.Ct(l.P "=" * l.Cg(l.R "AZ" ^ 1, "level") * " REPORT==== "
    * l.Cg(day, "day") * "-" * l.Cg(time.month, "month") * "-" * l.Cg(l.digit * l.digit * l.digit * l.digit, "year")
    * "::" * l.Cg(time.time_of_day, "time") * (l.P "." * l.Cg(l.digit ^ 1, "frac")) ^ -1
    * " ===" * l.P "\r" ^ -1 * "\n" * l.Cg(l.P(1) ^ 0, "message"))
local line = l.Ct(time.stamp * " [" * l.Cg(l.alpha ^ 1, "level") * "]" * l.space ^ 1
    * (l.P "<" * l.Cg((l.digit + ".") ^ 1, "process") * ">" * l.P " " ^ -1) ^ -1 * l.Cg(l.P(1) ^ 0, "message"))
local grammar = (l.P "\r" ^ -1 * "\n") ^ 0 * (report + line)

-- words RabbitMQ abbreviates to four letters, and report kinds that are no level
local words = { CRASH = 2, DEBU = 7, NOTI = 5, ERRO = 3, ALER = 1 }

local fields = { programname = "rabbitmq" }
local msg = { Type = "log", Fields = fields }

function process_message()
    local log = record.payload()
    local m = grammar:match(log)
    if not m then return record.reject("rabbitmq", log) end
    local exact = false
    if m.date then
        msg.Timestamp, exact = time.to_ns(m)
    else
        msg.Timestamp = time.from_parts(m)
    end
    msg.Payload = record.chomp(m.message)
    msg.Severity = severity.number(m.level) or words[string.upper(m.level)] or 5
    fields.severity_label = severity.labels[msg.Severity]
    fields.erlang_process = m.process
    return record.emit(msg, exact)
end
