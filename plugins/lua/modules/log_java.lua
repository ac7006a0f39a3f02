-- Logs in log4j's layout: 2017-03-13 08:52:14,070 - LEVEL ...
local l = require "lpeg"
l.locale(l)
local record = require "log_record"
local severity = require "log_severity"
local time = require "log_time"

local M = {}
setfenv(1, M)

local word = l.P "CRITICAL" + "ERROR" + "WARNING" + "WARN" + "INFO" + "AUDIT" + "DEBUG" + "TRACE" + "FATAL"
local node = (l.P "[myid:" * (1 - l.P "]") ^ 0 * "] ") ^ -1
local start = time.java * " " * node * "- " * l.Cg(word, "level") * l.space ^ 1
local rest = l.Cg(l.P(1) ^ 0, "message")

-- dashed has a second dash before the message, undashed has none.
dashed = l.Ct(l.P "\n" ^ 0 * start * "- " * rest)
undashed = l.Ct(l.P "\n" ^ 0 * start * rest)

-- cassandra is the layout Cassandra uses by default since version 2.1:
--   INFO  [main] 2017-03-13 08:52:14,070 File.java:12 - text
cassandra = l.Ct(l.P "\n" ^ 0 * l.Cg(word, "level") * l.space ^ 1
    * "[" * l.Cg((1 - l.S "]\n") ^ 0, "thread") * "]" * l.space ^ 1 * time.java * l.space ^ 1 * rest)

-- process makes a process_message for records without state.
function process(programname, grammar)
    local fields = { programname = programname }
    local msg = { Type = "log", Fields = fields }
    return function()
        local log = record.payload()
        local m = grammar:match(log)
        if not m then return record.reject(programname, log) end
        local exact
        msg.Timestamp, exact = time.to_ns(m)
        msg.Severity = severity.number(m.level, 6)
        msg.Payload = record.chomp(m.message)
        fields.severity_label = severity.labels[msg.Severity]
        return record.emit(msg, exact)
    end
end

return M
