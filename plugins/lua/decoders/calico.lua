-- Calico. Option calico_service: felix, bird or confd.
--   felix: 2017-03-13 12:01:36.300 [INFO][96] file.go 416: text
--   bird:  2017-03-13_09:57:11.84304 bird: text
--   confd: 2017-03-13T09:57:11Z cmp01 confd[92]: DEBUG text
local l = require "lpeg"
l.locale(l)
local record = require "log_record"
local severity = require "log_severity"
local time = require "log_time"

local service = read_config("calico_service") or ""

local blanks = l.space ^ 1
local number = l.digit ^ 1
local level = l.Cg(l.alpha ^ 1, "level")
local rest = l.Cg(l.P(1) ^ 0, "message")
local grammars = {
    felix = time.stamp * blanks * "[" * level * "][" * number * "]" * blanks
        * (l.alnum + l.S "._-/") ^ 1 * blanks * number * ":" * blanks * rest,
    -- the stamp is svlogd's, which writes UTC
    bird = time.stamp * l.Cg(l.Cc(true), "utc") * blanks * "bird" * l.P "6" ^ -1 * ":" * blanks * rest,
    confd = time.stamp * blanks * (1 - l.space) ^ 1 * blanks * "confd[" * number * "]:" * blanks
        * level * blanks * rest,
}
local grammar = grammars[service] and l.Ct(grammars[service])

local fields = { programname = "calico-" .. service }
local msg = { Type = "log", Fields = fields }

function process_message()
    if not grammar then
        return -1, "calico_service is '" .. service .. "'; it must be felix, bird or confd"
    end
    local log = record.payload()
    local m = grammar:match(log)
    if not m then return record.reject("calico", log) end
    local exact
    msg.Timestamp, exact = time.to_ns(m)
    msg.Severity = severity.number(m.level, 6)
    msg.Payload = record.chomp(m.message)
    fields.severity_label = severity.labels[msg.Severity]
    return record.emit(msg, exact or m.utc)
end
