-- Error log of MySQL, MariaDB and Galera:
--   2017-03-13 06:22:10 18430 [Warning] WSREP: text
-- Option: programname (mysql).
local l = require "lpeg"
l.locale(l)
local g = require "log_grammar"

local d = l.digit
-- older versions pad the hour with a blank
local padded = l.Cg(l.C(d ^ 4 * "-" * d * d * "-" * d * d) * "  " * l.C(d * ":" * d * d * ":" * d * d) / "%1 0%2", "Timestamp")

grammar = l.P "\n" ^ 0 * (g.timestamp + padded) * l.space ^ 1 * g.pid * l.space ^ 1
    * "[" * l.Cg(l.alpha ^ 0, "severity_label") * "]" * l.space ^ 1 * g.payload

severity_label = "canonical"
severity_default = 7
defaults = { Type = "log", Severity = 7, Fields = { programname = read_config("programname") or "mysql" } }
