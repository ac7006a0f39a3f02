-- GlusterFS:  [2017-03-13 03:03:03.192673] W [socket.c:590:f] 0-mgmt: text
-- The stream is named <logger>.<program>.
local l = require "lpeg"
l.locale(l)
local record = require "log_record"
local severity = require "log_severity"
local time = require "log_time"

-- later versions put a blank before the offset
local zone = (l.P " " * l.Cg(l.S "+-" * l.digit * l.digit * l.digit * l.digit, "zone")) ^ -1
local grammar = l.Ct(l.P "[" * time.stamp * zone * "]" * l.space * l.Cg(l.R "AZ", "level") * l.space
    * l.Cg(l.P(1) ^ 0, "message"))

local fields = {}
local msg = { Type = "log", Fields = fields }

function process_message()
    local stream = read_message("Logger")
    local logger, program = string.match(stream, "^([^.]+)%.(.+)")
    if not logger then return -1, "the stream name " .. stream .. " is not of the form <logger>.<program>" end
    local log = record.payload()
    local m = grammar:match(log)
    if not m then return record.reject("glusterfs", log) end
    local exact
    msg.Timestamp, exact = time.to_ns(m)
    msg.Logger = logger
    msg.Severity = severity.number(m.level, 7)
    msg.Payload = record.chomp(m.message)
    fields.severity_label = severity.labels[msg.Severity]
    fields.programname = program
    return record.emit(msg, exact)
end
