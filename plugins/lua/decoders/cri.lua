-- Container logs as CRI runtimes write them:
--   2016-10-06T00:17:09.669794202Z stdout F text
-- A text in parts (P) is joined. A stream named <pod>_<namespace>_<container>-<id>
-- gives the container's fields.
local l = require "lpeg"
l.locale(l)
local container = require "log_container"
local g = require "log_grammar"

local nl = l.P "\n"
local text = l.P " " * l.Cg((1 - nl) ^ 0, "Payload") + (#nl + -1) * l.Cg(l.Cc "", "Payload")

grammar = g.timestamp * " " * l.Cg(l.P "stdout" + "stderr", "container_stream") * " "
    * (l.P "F" + l.Cg("P", "_part")) * (l.P ":" * (1 - l.space) ^ 0) ^ -1 * text

multiline = { part = "_part", key = { "container_stream" } }
logger_grammar = container.logger_grammar
extract = container.level
severity_map = container.severity_map
severity_default = 6
defaults = { Type = "log", Severity = 6 }
