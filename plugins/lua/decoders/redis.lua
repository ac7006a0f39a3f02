-- Redis. The mark in front of the text is the level: . - * #
--   [20417] 13 Mar 06:35:14.648 # text
--   [20417 | signal handler] (1489386914) text
--   20417:M 13 Mar 2017 06:35:14.648 * text
--   20417:signal-handler (1489386914) text
local l = require "lpeg"
l.locale(l)
local g = require "log_grammar"

local marks = { ["."] = 7, ["-"] = 6, ["*"] = 5, ["#"] = 4 }

local d = l.digit
local who = l.P "[" * g.pid * "]" + g.pid * ":" * l.R "AZ"
local handler = l.P "[" * g.pid * " | signal handler]" + g.pid * ":signal-handler"
local stamp = l.Cg(d * d ^ -1 * " " * g.month * " " * (d * d * d * d * " ") ^ -1 * g.time_of_day, "Timestamp")
local rest = (l.P " " ^ 1 + -1 + #l.P "\n") * g.payload

grammar = who * " " * stamp * " " * l.Cg(l.S ".-*#" / marks, "Severity") * l.S ".-*#" ^ 0 * rest
    + handler * " (" * l.Cg(d ^ 1, "Timestamp") * ")" * l.Cg(l.Cc(6), "Severity") * rest

defaults = { Type = "log", Fields = { programname = "redis" } }
