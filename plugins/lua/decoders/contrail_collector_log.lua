-- Contrail's C++ services; the level is optional:
--   2017-03-13 Mon 17:50:37:633.908 UTC  ntw01 [Thread 14, Pid 7711]: BgpPeer [SYS_INFO]: text
-- Messages that carry a document go on over the following lines.
local l = require "lpeg"
l.locale(l)
local g = require "log_grammar"
local zones = require("log_time").abbreviations

local d = l.digit
local name = (l.alnum + l.S "._-") ^ 1
local weekday = l.P "Mon" + "Tue" + "Wed" + "Thu" + "Fri" + "Sat" + "Sun"
local dd = d * d
local stamp = dd * dd * "-" * dd * "-" * dd * l.space * weekday * l.space * dd * ":" * dd * ":" * dd * ":" * d ^ 1 * "." * d ^ 1

-- a time in a zone that is not known is local time
local zone = l.P(false)
for abbreviation in pairs(zones) do zone = zone + l.P(abbreviation) * #l.space end
local time = l.Cg(stamp * l.space * zone, "Timestamp") + l.Cg(stamp, "Timestamp") * l.space * l.alpha ^ 0

grammar = time * l.space ^ 1 * name * l.space * "[Thread " * d ^ 1 * ", Pid " * g.pid * "]: "
    * l.Cg(name, "programname") * (l.space * "[" * l.Cg(name, "severity_label") * "]") ^ -1 * l.P ": " ^ -1
    * l.Cg(l.P(1) ^ 0, "Payload")

multiline = {
    open = g.search "ApiServer Message:" + g.search "PollResponse message is:",
    key = { "Logger", "Timestamp", "Pid", "severity_label", "programname" },
    unmatched = "append",
    separator = "",
}

severity_label = "canonical"
severity_default = 5
defaults = { Type = "log", Severity = 5 }
