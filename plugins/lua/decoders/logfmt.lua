-- Logfmt:  time=2017-03-13T09:01:02Z level=info msg="it works" count=3
-- The names are treated like those of json_lines, with the same options.
local l = require "lpeg"
local entry = require "log_entry"

grammar = l.Cg(l.P(1) ^ 0, "_entry")
captures = { _entry = { format = "logfmt", names = entry.names } }

severity_map = entry.levels
severity_label = "canonical"
defaults = { Type = "log", Severity = 6 }
