-- etcd: JSON lines of zap, the older text forms, and any of them behind a syslog
-- header:
--   {"level":"info","ts":"2023-10-10T10:00:00.123Z","caller":"a/b.go:1","msg":"text"}
--   2017-03-13 10:00:00.123456 I | etcdserver: text
--   raft2017/03/13 10:00:00 INFO: text
--   WARNING: 2017/03/13 10:00:00 [core] text         (of the gRPC library)
--   [WARNING] text
local l = require "lpeg"
l.locale(l)
local entry = require "log_entry"
local g = require "log_grammar"
local severity = require "log_severity"

local d = l.digit
local dd = d * d
local date = l.Cg(dd * dd * "/" * dd * "/" * dd * " " * g.time_of_day, "Timestamp")
local level = #l.R "AZ" * l.Cg(g.word_of(severity.numbers), "severity_label")
local name = l.Cg((l.alnum + l.S "._-/") ^ 1, "module")

local letter = (g.timestamp * " ") ^ -1 * l.Cg(l.S "CEWNIDT", "severity_label") * " | " * (name * ": ") ^ -1 * g.payload
local raft = l.Cg(l.alpha ^ 1, "module") * date * " " * level * ": " * g.payload
local bracketed = l.P "[" * level * "] " * g.payload
local grpc = level * ": " * date * " " * g.payload * l.Cg(l.Cc "grpc", "module")
local zap = l.space ^ 0 * #l.P "{" * l.Cg(g.to_end, "_entry") * l.Cg(l.Cb "_entry", "_text")

-- the header's time counts if the message has none
grammar = g.syslog("_received", "_received") ^ -1 * (zap + letter + raft + bracketed + grpc)

captures = {
    _entry = { format = "json", names = entry.names },
    _text = { to = "Payload", weak = true },
    _received = { to = "Timestamp", weak = true },
}
severity_map = entry.levels
severity_map.T = 7
severity_label = "canonical"
severity_default = 6
defaults = { Type = "log", Severity = 6, Fields = { programname = "etcd" } }
