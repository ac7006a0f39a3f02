-- Container logs of Docker's json-file driver:
--   {"log":"text\n","stream":"stderr","time":"2017-03-13T09:01:02.003456789Z"}
-- A text that does not end in a line feed goes on in the next record. A stream named
-- <pod>_<namespace>_<container>-<id> gives the container's fields.
local l = require "lpeg"
l.locale(l)
local container = require "log_container"

grammar = l.space ^ 0 * #l.P "{" * l.Cg(l.P(1) ^ 0, "_entry")

captures = {
    _entry = {
        format = "json", fields = "attrs", required = { "log" },
        names = { Payload = { "log" }, Timestamp = { "time" }, container_stream = { "stream" } },
    },
}

multiline = { part = (1 - l.P "\n" * -1) ^ 0 * -1, key = { "container_stream" } }
logger_grammar = container.logger_grammar
extract = container.level
severity_map = container.severity_map
severity_default = 6
defaults = { Type = "log", Severity = 6, Fields = { container_stream = "stdout" } }
