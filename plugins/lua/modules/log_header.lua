-- The header in front of a message in a file written by rsyslog, in either of the
-- formats rsyslog writes by default, with or without the priority:
--   <38>Mar 13 09:01:02 ctl01 sshd[4411]: text
--   2017-03-13T09:01:02.123456+00:00 ctl01 sshd[4411]: text
local l = require "lpeg"
l.locale(l)
local record = require "log_record"
local time = require "log_time"
local math = require "math"
local tonumber = tonumber

local M = {}
setfenv(1, M)

local tag = l.Cg((1 - l.S " :[\n") ^ 1, "program") * (l.P "[" * l.Cg(l.digit ^ 1, "pid") * "]") ^ -1 * l.P ":"
local grammar = l.Ct((l.P "<" * l.Cg(l.digit * l.digit ^ -2 / tonumber, "pri") * ">") ^ -1
    * (time.bsd + time.stamp) * l.P " " ^ 1 * l.Cg((1 - l.space) ^ 1, "host") * " " * tag * l.P " " ^ -1
    * l.Cg(l.P(1) ^ 0, "text"))

-- split takes the header off a record; nil when it has none. The result holds
-- ns, exact, host, program, pid, text and perhaps facility and severity.
function split(log)
    local m = grammar:match(log)
    if not m then return nil end
    if m.date then
        m.ns, m.exact = time.to_ns(m)
    else
        m.ns, m.exact = time.from_parts(m), false
        if not m.ns then return nil end -- no such day
    end
    m.pid = record.pid(m.pid)
    if m.pri then m.facility, m.severity = math.floor(m.pri / 8), m.pri % 8 end
    return m
end

return M
