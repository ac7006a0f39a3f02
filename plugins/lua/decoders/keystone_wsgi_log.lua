-- Keystone's access log behind Apache. Option: apache_log_pattern (a LogFormat).
local l = require "lpeg"
local wsgi = require "log_wsgi"

local pattern = read_config("apache_log_pattern") or error("apache_log_pattern must be given: the LogFormat of the file")

grammar, captures, types = wsgi.new(pattern, true)
logger_grammar = l.Cg(l.P(1) ^ 0, "programname")
defaults = { Type = "log", Severity = 6, Logger = "openstack.keystone" }
