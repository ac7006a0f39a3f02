-- Open vSwitch:  2017-03-13T07:30:11.905Z|00041|bridge|INFO|text
local l = require "lpeg"
local g = require "log_grammar"

-- all lower or all upper case
local level = l.P(false)
for _, word in ipairs { "debug", "dbg", "info", "notice", "warning", "warn", "error", "err", "crit", "alert",
    "emerg", "emer", "panic" } do
    level = level + l.P(word) + l.P(string.upper(word))
end

local module_name = l.Cg((1 - l.S "|\n") ^ 1, "_module")
local text = l.C((1 - l.P "\n") ^ 0)

grammar = g.timestamp * "|" * g.pid * "|" * module_name * "|" * l.Cg(level, "severity_label") * "|"
    * l.Cg(l.Cb "_module" * text / "%1: %2", "Payload")

logger_grammar = l.Cg(l.P(1) ^ 1, "programname")

severity_label = "canonical"
severity_map = { EMER = 0, DBG = 7 }
defaults = { Type = "log", Logger = "ovs" }
