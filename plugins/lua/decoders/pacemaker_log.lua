-- Pacemaker and Corosync: by way of rsyslog (option syslog_pattern), or their own
-- files:
--   Mar 13 04:00:02 [1200] host prog: LEVEL: text
--   Mar 13 04:00:02 host prog [1200] (function) level: text
local l = require "lpeg"
l.locale(l)
local g = require "log_grammar"
local template = require "log_template"

local pattern = read_config("syslog_pattern") or error("syslog_pattern must be given: the rsyslog template of the file")

local blanks = l.space ^ 1
local word = (1 - l.space) ^ 1
local name = l.Cg((l.alnum + l.S "._-") ^ 1, "programname")
local pid = l.P "[" * g.pid * "]"
local stamp = l.Cg(g.bsd, "Timestamp")
local rest = l.Cg(l.alpha ^ 1, "severity_label") * ":" * blanks * g.payload
local first = stamp * blanks * pid * blanks * word * blanks * name * ":" * blanks * rest
local second = stamp * blanks * word * blanks * name * blanks * pid * blanks
    * (l.P "(" * (1 - l.P ")") ^ 0 * ")" * blanks) ^ -1 * rest

grammar = first + second + template.build(pattern)
captures, types = template.captures, template.types
severity_label = "canonical"
severity_default = 7
defaults = { Type = "log", Severity = 7, Pid = 0 }
