-- etcd: JSON lines of zap, the older text forms, and any of them behind a syslog
-- header:
--   {"level":"info","ts":"2023-10-10T10:00:00.123Z","caller":"a/b.go:1","msg":"text"}
--   2017-03-13 10:00:00.123456 I | etcdserver: text
--   raft2017/03/13 10:00:00 INFO: text
--   WARNING: 2017/03/13 10:00:00 [core] text         (of the gRPC library)
--   [WARNING] text
local l = require "lpeg"
l.locale(l)
local fields_of = require "log_fields"
local header = require "log_header"
local record = require "log_record"
local severity = require "log_severity"
local time = require "log_time"

local letters = { C = 2, E = 3, W = 4, N = 5, I = 6, D = 7, T = 7 }
local grammar = l.Ct((time.stamp * " ") ^ -1 * l.Cg(l.S "CEWNIDT" / letters, "severity") * " | "
    * (l.Cg((l.alnum + l.S "._-/") ^ 1, "module") * ": ") ^ -1 * l.Cg(l.P(1) ^ 0, "text"))

local d = l.digit
local raft = l.Ct(l.Cg(l.alpha ^ 1, "module") * l.Cg(l.Cs(d * d * d * d * (l.P "/" / "-") * d * d * (l.P "/" / "-") * d * d
        * " " * time.time_of_day), "date") * " " * l.Cg(l.R "AZ" ^ 1, "level") * ": " * l.Cg(l.P(1) ^ 0, "text"))
local grpc = l.Ct(l.Cg(l.R "AZ" ^ 1, "level") * ": " * l.Cg(l.Cs(d * d * d * d * (l.P "/" / "-") * d * d * (l.P "/" / "-") * d * d
        * " " * time.time_of_day), "date") * " " * l.Cg(l.P(1) ^ 0, "text")) * l.Cc "grpc"
local bracketed = l.Ct(l.P "[" * l.Cg(l.R "AZ" ^ 1, "level") * "] " * l.Cg(l.P(1) ^ 0, "text"))

local msg = { Type = "log" }

local function plain(m)
    local exact
    if m.date then
        msg.Timestamp, exact = time.to_ns(m)
    else
        msg.Timestamp = nil
    end
    msg.Hostname, msg.Pid = nil, nil
    msg.Severity = m.severity
    msg.Payload = record.chomp(m.text)
    msg.Fields = { severity_label = severity.labels[m.severity], module = m.module }
    return exact
end

function process_message()
    local log = record.payload()
    local h = header.split(log)
    local text = h and h.text or log
    local entry = fields_of.object(text)
    local exact
    if entry then
        exact = fields_of.fill(entry, msg, record.chomp(text))
    else
        local m = grammar:match(text) or raft:match(text) or bracketed:match(text)
        if not m then
            local library
            m, library = grpc:match(text)
            if m then m.module = library end
        end
        local level = m and (m.severity or severity.number(m.level))
        if not level or m.date and not time.parse(m.date) then return record.reject("etcd", log) end
        m.severity = level
        exact = plain(m)
    end
    if h then
        if not msg.Timestamp then msg.Timestamp, exact = h.ns, h.exact end
        msg.Hostname, msg.Pid = h.host, h.pid
    end
    msg.Fields.programname = h and h.program or msg.Fields.programname or "etcd"
    return record.emit(msg, exact)
end
