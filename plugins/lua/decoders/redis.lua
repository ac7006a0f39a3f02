-- Redis. The mark in front of the text is the level: . - * #
--   [20417] 13 Mar 06:35:14.648 # text
--   [20417 | signal handler] (1489386914) text
--   20417:M 13 Mar 2017 06:35:14.648 * text
--   20417:signal-handler (1489386914) text
local l = require "lpeg"
l.locale(l)
local record = require "log_record"
local severity = require "log_severity"
local time = require "log_time"

local marks = { ["."] = 7, ["-"] = 6, ["*"] = 5, ["#"] = 4 }

local d = l.digit
local pid = l.Cg(d ^ 1, "pid")
local who = l.P "[" * pid * "]" + pid * ":" * l.R "AZ"
local handler = l.P "[" * pid * " | signal handler]" + pid * ":signal-handler"
local stamp = l.Cg(d * d ^ -1, "day") * " " * l.Cg(time.month, "month") * " "
    * (l.Cg(d * d * d * d, "year") * " ") ^ -1
    * l.Cg(time.time_of_day, "time") * (l.P "." * l.Cg(d ^ 1, "frac")) ^ -1
local rest = (l.P " " ^ 1 + -1 + #l.P "\n") * l.Cg(l.P(1) ^ 0, "message")
local grammar = l.Ct(who * " " * stamp * " " * l.Cg(l.S ".-*#", "mark") * l.S ".-*#" ^ 0 * rest)
    + l.Ct(handler * " (" * l.Cg(d ^ 1 / tonumber, "epoch") * ")" * rest)

local fields = { programname = "redis" }
local msg = { Type = "log", Fields = fields }

function process_message()
    local log = record.payload()
    local m = grammar:match(log)
    if not m then return record.reject("redis", log) end
    msg.Timestamp = m.epoch and m.epoch * 1e9 or time.from_parts(m)
    msg.Pid = record.pid(m.pid)
    msg.Severity = marks[m.mark] or 6
    msg.Payload = record.chomp(m.message)
    fields.severity_label = severity.labels[msg.Severity]
    return record.emit(msg, m.epoch ~= nil)
end
