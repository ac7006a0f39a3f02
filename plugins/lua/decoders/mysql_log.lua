-- MySQL's error log by way of rsyslog; the message is "YYMMDD H:MM:SS [Level]
-- text" or anything else. Option: syslog_pattern.
local l = require "lpeg"
l.locale(l)
local g = require "log_grammar"
local severity = require "log_severity"
local template = require "log_template"

local pattern = read_config("syslog_pattern") or error("syslog_pattern must be given: the rsyslog template of the file")

-- a level that is known counts instead of the header's
local d = l.digit
local known = l.Cg(g.word_of(severity.numbers), "severity_label") * "]"
grammar = template.build(pattern, d ^ -6 * l.space ^ 1 * d ^ -2 * ":" * d ^ -2 * ":" * d ^ -2 * l.space ^ 1
    * "[" * (known + l.alpha ^ 0 * "]") * l.space ^ 1)

captures, types = template.captures, template.types
severity_label = "upper"
defaults = { Type = "log", Severity = 7, Pid = 0 }
