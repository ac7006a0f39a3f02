-- Declarative grammars for log4j's layouts: 2017-03-13 08:52:14,070 - LEVEL ...
local l = require "lpeg"
l.locale(l)
local g = require "log_grammar"

local M = {}
setfenv(1, M)

local level = l.Cg(l.P "CRITICAL" + "ERROR" + "WARNING" + "WARN" + "INFO" + "AUDIT" + "DEBUG" + "TRACE" + "FATAL",
    "severity_label")
local node = (l.P "[myid:" * (1 - l.P "]") ^ 0 * "] ") ^ -1
local start = l.P "\n" ^ 0 * g.timestamp * " " * node * "- " * level * l.space ^ 1

-- dashed has a second dash before the message.
dashed = start * "- " * g.payload

-- undashed has none; its payload keeps the line feed, which multi-line records need.
undashed = start * l.Cg(l.P(1) ^ 0, "Payload")

-- cassandra is the layout Cassandra uses by default since version 2.1:
--   INFO  [main] 2017-03-13 08:52:14,070 File.java:12 - text
cassandra = l.P "\n" ^ 0 * level * l.space ^ 1 * "[" * (1 - l.S "]\n") ^ 0 * "]" * l.space ^ 1
    * g.timestamp * l.space ^ 1 * g.payload

return M
