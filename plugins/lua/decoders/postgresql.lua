-- PostgreSQL, with the log_line_prefix of the Debian packages (%m [%p] %q%u@%d )
-- and those alike:
--   2017-03-13 09:01:02.003 UTC [1234] user@db LOG:  text
-- Statements and other texts go on over lines that begin with a tab; a record is
-- therefore emitted when the next one comes, or after 5 s.
local l = require "lpeg"
l.locale(l)
local g = require "log_grammar"
local zones = require("log_time").abbreviations

local levels = {
    DEBUG = 7, DEBUG1 = 7, DEBUG2 = 7, DEBUG3 = 7, DEBUG4 = 7, DEBUG5 = 7, INFO = 6, NOTICE = 5, LOG = 6,
    WARNING = 4, ERROR = 3, FATAL = 2, PANIC = 0,
    -- these explain the record before them
    DETAIL = 6, HINT = 6, QUERY = 6, CONTEXT = 6, STATEMENT = 6, LOCATION = 6, BACKTRACE = 6,
}
local any_level = l.P(false)
for word in pairs(levels) do any_level = any_level + word * #l.P ":" end

-- a time in a zone that is not known is local time
local d = l.digit
local zone = l.S "+-" * d * d * (l.P ":" ^ -1 * d * d) ^ -1
for abbreviation in pairs(zones) do zone = zone + abbreviation end
zone = zone * #l.P " "
local stamp = l.Cg(g.stamp * " " * zone, "Timestamp")
    + g.timestamp * (l.P " " * (l.alpha + l.S "+-") * (l.alnum + l.S "+-:") ^ 0) ^ -1

local word = (l.alnum + l.S "._-$") ^ 1
local function known(name) return l.P "[unknown]" + l.Cg(word, name) end
local client = known "db_user" * "@" * known "db_name"
local kind = l.Cg(any_level, "message_kind") * l.Cg(l.Cb "message_kind" / levels, "Severity") * ":" * l.space ^ 1
-- what else a prefix holds (application, host, a session's line) is passed over
local rest_of_prefix = (1 - (l.P " " * any_level + "\n")) ^ 0 * " "
local pid = l.P "[" * g.pid * (l.P "-" * d ^ 1) ^ -1 * "]" * l.P ":" ^ -1 * l.P " " ^ 1

grammar = stamp * " " * pid * (client * " ") ^ -1 * (#any_level + rest_of_prefix) * kind * l.Cg(l.P(1) ^ 0, "Payload")

extract = l.P "duration: " * l.Cg(d ^ 1 * (l.P "." * d ^ 1) ^ -1, "query_duration") * " ms"
captures = { query_duration = { type = "number", divide = 1e3, representation = "s" } }
multiline = { open = l.P(true), unmatched = "append", separator = "" }
defaults = { Type = "log", Fields = { programname = "postgresql" } }
