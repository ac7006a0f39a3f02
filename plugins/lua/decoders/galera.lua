-- Error log of MySQL, MariaDB and Galera:
--   2017-03-13 06:22:10 18430 [Warning] WSREP: text
-- Option: programname (mysql).
local l = require "lpeg"
l.locale(l)
local record = require "log_record"
local severity = require "log_severity"
local time = require "log_time"

local programname = read_config("programname") or "mysql"

-- older versions pad the hour with a blank
local padded = l.Cg(l.digit ^ 4 * "-" * l.digit ^ 2 * "-" * l.digit ^ 2, "day") * l.P "  "
    * l.Cg(l.digit * ":" * l.digit * l.digit * ":" * l.digit * l.digit, "hour")
local grammar = l.P "\n" ^ 0 * l.Ct((time.stamp + padded) * l.space ^ 1 * l.Cg(l.digit ^ 1, "pid") * l.space ^ 1
    * "[" * l.Cg(l.alpha ^ 0, "level") * "]" * l.space ^ 1 * l.Cg(l.P(1) ^ 0, "message"))

local msg = { Type = "log", Fields = {} }

function process_message()
    local log = record.payload()
    local m = grammar:match(log)
    if m and m.day then
        local whole = m.day .. " 0" .. m.hour
        m.date = time.parse(whole) and whole
    end
    if not m or not m.date then return record.reject("mysql", log) end
    local exact
    msg.Timestamp, exact = time.to_ns(m)
    msg.Pid = record.pid(m.pid)
    msg.Severity = severity.number(m.level, 7)
    msg.Payload = record.chomp(m.message)
    msg.Fields.severity_label = severity.labels[msg.Severity]
    msg.Fields.programname = programname
    return record.emit(msg, exact)
end
