-- Access logs of OpenStack services behind Apache, and of nginx in a format that
-- Apache can write too. Options: logger, apache_log_pattern (a LogFormat).
local l = require "lpeg"
local wsgi = require "log_wsgi"

local logger = read_config("logger") or error("logger must be given: the logger of the messages, like openstack.keystone")
local pattern = read_config("apache_log_pattern") or error("apache_log_pattern must be given: the LogFormat of the file")

grammar, captures, types = wsgi.new(pattern, false)
logger_grammar = l.Cg(l.P(1) ^ 0, "programname")
defaults = { Type = "log", Severity = 6, Logger = logger }
