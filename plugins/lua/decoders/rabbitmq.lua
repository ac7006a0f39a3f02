-- RabbitMQ's log. Up to version 3.6, records of several lines:
--   =ERROR REPORT==== 13-Mar-2017::05:06:07 ===
--   text
-- from 3.7 on, lines:
--   2023-10-10 10:00:00.123456+00:00 [info] <0.222.0> text
local l = require "lpeg"
l.locale(l)
local g = require "log_grammar"

local d = l.digit
local day = l.R "13" * d + l.P "0" ^ -1 * l.R "19"
local report = l.P "=" * l.Cg(l.R "AZ" ^ 1, "severity_label") * " REPORT==== "
    * l.Cg(day * "-" * g.month * "-" * d * d * d * d * "::" * g.time_of_day, "Timestamp")
    * " ===" * l.P "\r" ^ -1 * "\n" * g.payload
local line = g.timestamp * " [" * l.Cg(l.alpha ^ 1, "severity_label") * "]" * l.space ^ 1
    * (l.P "<" * l.Cg((d + ".") ^ 1, "erlang_process") * ">" * l.P " " ^ -1) ^ -1 * g.payload

grammar = (l.P "\r" ^ -1 * "\n") ^ 0 * (report + line)

severity_label = "canonical"
severity_default = 5
-- a kind of report that is no level, and the words RabbitMQ cuts to four letters
severity_map = { CRASH = 2, DEBU = 7, NOTI = 5, ERRO = 3, ALER = 1 }
defaults = { Type = "log", Fields = { programname = "rabbitmq" } }
