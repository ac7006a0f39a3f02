-- MySQL's error log by way of rsyslog; the message is "YYMMDD H:MM:SS [Level]
-- text" or anything else. Option: syslog_pattern.
local l = require "lpeg"
l.locale(l)
local record = require "log_record"
local severity = require "log_severity"
local syslog = require "log_syslog"

local pattern = read_config("syslog_pattern") or error("syslog_pattern must be given: the rsyslog template of the file")
local parser = syslog.new(pattern)

local d = l.digit
local grammar = l.Ct(d ^ -6 * l.space ^ 1 * d ^ -2 * ":" * d ^ -2 * ":" * d ^ -2 * l.space ^ 1
    * "[" * l.Cg(l.alpha ^ 0, "level") * "]" * l.space ^ 1 * l.Cg(l.P(1) ^ 0, "message"))

local msg = { Type = "log" }

function process_message()
    local log = record.payload()
    if not parser:parse(log, msg) then return record.reject("mysql", log) end
    local m = grammar:match(msg.Payload)
    if m then
        local n = severity.number(m.level)
        if n then msg.Severity = n end
        msg.Fields.severity_label = n and severity.labels[n] or msg.Fields.severity_label
        msg.Payload = m.message
    end
    return record.emit(msg, parser.exact)
end
