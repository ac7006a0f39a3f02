-- supervisord of Contrail's nodes:  2017-03-13 02:02:02,345 CRIT text
local l = require "lpeg"
l.locale(l)
local record = require "log_record"
local severity = require "log_severity"
local time = require "log_time"

-- supervisord's own words have four letters
local short = { CRIT = 2, ERRO = 3, WARN = 4, INFO = 6, DEBG = 7, TRAC = 7, BLAT = 7 }
local word = l.R "AZ" ^ 1 / function(w) return severity.numbers[w] or short[w] or false end
local grammar = l.Ct(time.plain * (l.S ",." * l.Cg(l.digit ^ 1, "frac")) ^ -1
    * l.Cg(time.offset, "zone") ^ -1 * l.space * l.Cg(word, "severity") * (l.space ^ 1 + -1)
    * l.Cg(l.P(1) ^ 0, "message"))

local fields = {}
local msg = { Type = "log", Fields = fields }

function process_message()
    local log = record.payload()
    local m = grammar:match(log)
    if not m or not m.severity then return record.reject("supervisor", log) end
    local exact
    msg.Timestamp, exact = time.to_ns(m)
    msg.Severity = m.severity
    msg.Payload = record.chomp(m.message)
    fields.severity_label = severity.labels[m.severity]
    return record.emit(msg, exact)
end
