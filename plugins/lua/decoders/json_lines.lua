-- One JSON object a line. Time, level, message, host, pid and program are found by
-- their usual names; the others become fields. Options: time_key, level_key,
-- message_key, hostname_key, pid_key, program_key (names that come first).
local l = require "lpeg"
l.locale(l)
local entry = require "log_entry"

grammar = l.space ^ 0 * #l.P "{" * l.Cg(l.P(1) ^ 0, "_entry")
captures = { _entry = { format = "json", names = entry.names } }

severity_map = entry.levels
severity_label = "canonical"
defaults = { Type = "log", Severity = 6 }
