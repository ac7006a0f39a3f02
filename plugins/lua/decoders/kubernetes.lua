-- Kubernetes: klog lines, with or without a syslog header in front.
--   E0313 10:00:01.123456    1500 kubelet.go:1] text
-- A line of another form passes as it is. Option: syslog_pattern.
local l = require "lpeg"
l.locale(l)
local g = require "log_grammar"
local template = require "log_template"

local pattern = read_config("syslog_pattern") or error("syslog_pattern must be given: the rsyslog template of the file")

-- time and pid of a line with a header are the header's
local inner = g.klog("_time", "_pid")
local bare = g.klog("Timestamp", "Pid") * g.payload + l.Cg(l.Cc(6), "Severity") * g.payload

grammar = template.build(pattern, inner) + bare
captures, types = template.captures, template.types
severity_default = 7
severity_map = { F = 0 }
defaults = { Type = "log", Severity = 7 }
