-- Kubernetes: klog lines, with or without a syslog header in front.
--   E0313 10:00:01.123456    1500 kubelet.go:1] text
-- A line of another form passes as it is. Option: syslog_pattern.
local l = require "lpeg"
l.locale(l)
local record = require "log_record"
local severity = require "log_severity"
local syslog = require "log_syslog"
local time = require "log_time"

local pattern = read_config("syslog_pattern") or error("syslog_pattern must be given: the rsyslog template of the file")
local parser = syslog.new(pattern)

local d = l.digit
local klog = l.Ct(l.Cg(l.S "IWEF", "level") * l.Cg(d * d, "month") * l.Cg(d * d, "day") * l.space ^ 1
    * l.Cg(time.time_of_day, "time") * (l.P "." * l.Cg(d ^ 1, "frac")) ^ -1
    * l.space ^ 1 * l.Cg(d ^ 1, "pid") * l.space ^ 1 * l.Cg(l.P(1) ^ 0, "message"))

local month_names = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" }

local msg = { Type = "log" }

-- bare fills msg from a record without a syslog header.
local function bare(log)
    log = record.chomp(log)
    local m = klog:match(log)
    local name = m and month_names[tonumber(m.month)]
    msg.Hostname = nil
    if not name then
        msg.Timestamp, msg.Pid, msg.Severity, msg.Payload = nil, nil, 6, log
    else
        m.month = name
        msg.Timestamp = time.from_parts(m)
        msg.Pid = record.pid(m.pid)
        msg.Severity = severity.number(m.level)
        msg.Payload = m.message
    end
    msg.Fields = {}
end

function process_message()
    local log = record.payload()
    local parsed = parser:parse(log, msg)
    if parsed then
        local m = klog:match(msg.Payload)
        if m then
            msg.Payload = m.message
            msg.Severity = severity.number(m.level)
        end
    else
        bare(log)
    end
    msg.Fields.severity_label = severity.labels[msg.Severity]
    return record.emit(msg, parsed and parser.exact)
end
