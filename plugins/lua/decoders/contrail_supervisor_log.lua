-- supervisord of Contrail's nodes:  2017-03-13 02:02:02,345 CRIT text
local l = require "lpeg"
l.locale(l)
local g = require "log_grammar"

-- supervisord's own words have four letters
severity_map = { ERRO = 3, DEBG = 7, TRAC = 7, BLAT = 7 }
severity_label = "canonical"

local level = l.P(false)
for _, word in ipairs { "CRITICAL", "CRIT", "ERROR", "ERRO", "WARNING", "WARN", "INFO", "AUDIT", "DEBUG", "DEBG",
    "TRACE", "TRAC", "BLAT" } do
    level = level + word
end

grammar = g.timestamp * l.space * l.Cg(level, "severity_label") * (l.space ^ 1 + -1) * g.payload
defaults = { Type = "log" }
