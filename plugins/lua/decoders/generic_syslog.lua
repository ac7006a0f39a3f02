-- System logs written by rsyslog. Options: syslog_pattern (the template that
-- wrote the lines), fallback_syslog_pattern (tried when it does not match).
local l = require "lpeg"
local template = require "log_template"

local pattern = read_config("syslog_pattern") or error("syslog_pattern must be given: the rsyslog template of the file")
local fallback = read_config("fallback_syslog_pattern")

grammar = template.build(pattern)
if fallback then grammar = grammar + template.build(fallback) end

-- the stream's name without .log
logger_grammar = l.Cg((1 - l.P ".log" * -1) ^ 1, "Logger")
captures, types = template.captures, template.types
defaults = { Type = "log", Severity = 7, Pid = 0 }
