-- The general query log of MySQL and MariaDB:
--   170313  6:22:10<tab>    31 Query<tab>SELECT ...
--   <tab><tab>    31 Quit<tab>
-- A line without a time has that of the line before; a statement may go on over
-- further lines. Option: programname (mysql).
local l = require "lpeg"
l.locale(l)
local g = require "log_grammar"
local mysql = require "log_mysql"

local d = l.digit
local tab = l.P "\t"

local head = (l.Cg(mysql.time, "Timestamp") * tab + tab * tab * l.Cg(l.Cc(true), "_same"))
    * l.P " " ^ 0 * l.Cg(d ^ 1, "Thread_id") * " " * l.Cg(l.R "AZ" * (l.alpha + " ") ^ 1, "command") * (tab + #l.P "\n" + -1)

grammar = head * g.payload + #mysql.banner * g.payload
multiline = { start = head + mysql.banner, separator = "" }
captures = { _same = { before = true } }
types = { Thread_id = "number" }
severity_label = "canonical"
defaults = { Type = "log", Severity = 6, Fields = { programname = read_config("programname") or "mysql" } }
