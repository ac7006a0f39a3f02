-- GlusterFS:  [2017-03-13 03:03:03.192673] W [socket.c:590:f] 0-mgmt: text
-- The stream is named <logger>.<program>.
local l = require "lpeg"
l.locale(l)
local g = require "log_grammar"

-- later versions put a blank before the offset
local zone = (l.P " " * l.S "+-" * l.digit * l.digit * l.digit * l.digit) ^ -1

grammar = l.P "[" * l.Cg(g.stamp * zone, "Timestamp") * "]" * l.space * l.Cg(l.R "AZ", "severity_label") * l.space
    * g.payload

logger_grammar = l.Cg((1 - l.P ".") ^ 1, "Logger") * "." * l.Cg(l.P(1) ^ 1, "programname")
logger_required = true

severity_label = "canonical"
severity_default = 7
defaults = { Type = "log" }
