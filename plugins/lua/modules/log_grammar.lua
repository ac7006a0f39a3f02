-- Pieces that declarative decoders share. The names of the groups are those of
-- the message; the engine reads the times.
local l = require "lpeg"
l.locale(l)
local pairs = pairs
local string = require "string"

local M = {}
setfenv(1, M)

local d = l.digit
local dd = d * d
local nl = l.P "\n"
local day = dd * dd * "-" * dd * "-" * dd
local clock = dd * ":" * dd * ":" * dd
local frac = (l.S ".," * d ^ 1) ^ -1
local offset = (l.P "Z" + l.S "+-" * dd * l.P ":" ^ -1 * dd) ^ -1

-- stamp is the general time, also with a comma before the fraction.
stamp = day * (l.space + l.S "T_") * clock * frac * offset
timestamp = l.Cg(stamp, "Timestamp")
local zoned = day * (l.space + l.S "T_") * clock * frac * (l.P "Z" + l.S "+-" * dd * l.P ":" ^ -1 * dd)

time_of_day = clock * frac
month = l.P "Jan" + "Feb" + "Mar" + "Apr" + "May" + "Jun" + "Jul" + "Aug" + "Sep" + "Oct" + "Nov" + "Dec"

pid = l.Cg(d ^ 1, "Pid")

-- to_end is the rest of the record without its last line feed.
to_end = (1 - nl) ^ 0 * (nl * #l.P(1) * (1 - nl) ^ 0) ^ 0
payload = l.Cg(to_end, "Payload")

-- search finds a pattern anywhere.
function search(patt)
    return l.P { patt + 1 * l.V(1) }
end

-- word_of matches any word of a table's keys, in any case.
function word_of(words)
    local choice = l.P(false)
    for word in pairs(words) do
        local patt = l.P(true)
        for c in string.gmatch(word, ".") do patt = patt * l.S(string.lower(c) .. string.upper(c)) end
        choice = choice + patt * -(l.alnum + "_")
    end
    return choice
end

-- klog is the head of Kubernetes' own log lines: E0313 10:00:01.123456    1500
-- Its level is captured as Severity, its time and pid under the names given.
function klog(time, pid_name)
    local month_day = (l.P "0" * l.R "19" + l.P "1" * l.R "02") * (l.P "0" * l.R "19" + l.R "12" * d + l.P "3" * l.R "01")
    local strict = (l.R "01" * d + l.P "2" * l.R "03") * ":" * l.R "05" * d * ":" * (l.R "05" * d + "60")
    return l.Cg(l.S "IWEF", "Severity") * l.Cg(month_day * l.space ^ 1 * strict * (l.P "." * d ^ 1) ^ -1, time)
        * l.space ^ 1 * l.Cg(d ^ 1, pid_name) * l.space ^ 1
end

-- bsd is a time without a year.
bsd = month * l.P " " ^ 1 * d * d ^ -1 * l.P " " ^ 1 * clock * (l.P "." * d ^ 1) ^ -1

local facility_of, severity_of

-- number_priorities fills the tables, which few grammars need.
local function number_priorities()
    facility_of, severity_of = {}, {}
    for n = 0, 191 do
        local text = string.format("%d", n)
        facility_of[text], severity_of[text] = (n - n % 8) / 8, n % 8
    end
end

-- priority is a syslog priority in its brackets; severity names the group.
function priority(severity)
    if not facility_of then number_priorities() end
    local number = l.P "1" * (l.R "08" * d + l.P "9" * l.S "01") + l.R "19" * d ^ -1 + "0"
    return l.P "<" * l.Cg(number, "_pri") * ">"
        * l.Cg(l.Cb "_pri" / facility_of, "syslogfacility") * l.Cg(l.Cb "_pri" / severity_of, severity)
end

-- syslog makes the header that rsyslog writes by default in front of a message, in
-- either format, with or without the priority:
--   <38>Mar 13 09:01:02 ctl01 sshd[4411]: text
--   2017-03-13T09:01:02.123456+00:00 ctl01 sshd[4411]: text
-- iso is the name of the group for a time with its offset, short for another one.
function syslog(iso, short)
    local tag = l.Cg((1 - l.S " :[\n") ^ 1, "programname") * (l.P "[" * l.Cg(d ^ 1, "Pid") * "]") ^ -1 * l.P ":"
    local time = l.Cg(bsd, short) + l.Cg(zoned, iso) + l.Cg(stamp, short)
    return priority "Severity" ^ -1 * time * l.P " " ^ 1 * l.Cg((1 - l.space) ^ 1, "Hostname")
        * " " * tag * l.P " " ^ -1
end

return M
