-- PostgreSQL, with the log_line_prefix of the Debian packages (%m [%p] %q%u@%d )
-- and those alike:
--   2017-03-13 09:01:02.003 UTC [1234] user@db LOG:  text
-- Statements and other texts go on over lines that begin with a tab; a record is
-- therefore emitted when the next one comes, or after 5 s.
local l = require "lpeg"
l.locale(l)
local multiline = require "log_multiline"
local record = require "log_record"
local severity = require "log_severity"
local time = require "log_time"

local levels = {
    DEBUG = 7, DEBUG1 = 7, DEBUG2 = 7, DEBUG3 = 7, DEBUG4 = 7, DEBUG5 = 7, INFO = 6, NOTICE = 5, LOG = 6,
    WARNING = 4, ERROR = 3, FATAL = 2, PANIC = 0,
    -- these explain the record before them
    DETAIL = 6, HINT = 6, QUERY = 6, CONTEXT = 6, STATEMENT = 6, LOCATION = 6, BACKTRACE = 6,
}

local zone = (l.P " " * l.Cg((l.alpha + l.S "+-") * (l.alnum + l.S "+-:") ^ 0, "name")) ^ -1
local word = (l.alnum + l.S "._-$") ^ 1
local db = l.Cg(word, "db") + "[unknown]"
local client = (l.Cg(word, "user") + "[unknown]") * "@" * db
local kind = l.Cg(l.R "AZ" ^ 1 * l.digit ^ 0, "kind") * ":" * l.space ^ 1
local known = #((l.R "AZ" ^ 1 * l.digit ^ 0) * l.P ":" * l.space)
-- what else a prefix holds (application, host, a session's line) is passed over
local rest_of_prefix = (1 - (l.P " " * known + "\n")) ^ 0 * " "
local pid = l.P "[" * l.Cg(l.digit ^ 1, "pid") * (l.P "-" * l.digit ^ 1) ^ -1 * "]" * l.P ":" ^ -1 * l.P " " ^ 1
local grammar = l.Ct(time.stamp * zone * " " * pid
    * (client * " ") ^ -1 * (#known + rest_of_prefix) * kind * l.Cg(l.P(1) ^ 0, "text"))

local duration = l.Ct(l.P "duration: " * l.Cg(l.digit ^ 1 * (l.P "." * l.digit ^ 1) ^ -1 / tonumber, "ms") * " ms")

local function emit(head, text)
    local spent = duration:match(text)
    return record.emit({
        Type = "log",
        Timestamp = head.ns,
        Logger = head.logger,
        Hostname = head.hostname,
        Pid = head.pid,
        Severity = head.severity,
        Payload = record.chomp(text),
        Fields = {
            severity_label = severity.labels[head.severity],
            programname = "postgresql",
            message_kind = head.kind,
            db_user = head.user,
            db_name = head.db,
            query_duration = spent and { value = spent.ms / 1e3, representation = "s" },
        },
    }, head.exact)
end

local open = multiline.new(emit)

function process_message()
    local log = record.payload()
    local m = grammar:match(log)
    local n = m and levels[m.kind]
    if not n then
        if open.head then return open:add(log) end
        return record.reject("postgresql", log)
    end
    local code, err = open:close()
    local ns, exact = time.to_ns(m)
    if m.name then
        if m.name:find("^[+-]") then
            local hours, minutes = m.name:match("^[+-](%d%d):?(%d?%d?)")
            if hours then
                ns = ns - time.zone_seconds(m.name:sub(1, 1) .. hours .. ":" .. (minutes ~= "" and minutes or "00")) * 1e9
                exact = true
            end
        else
            ns, exact = time.shift(ns, m.name)
        end
    end
    open:open({
        ns = ns, exact = exact, pid = record.pid(m.pid), severity = n, kind = m.kind, user = m.user, db = m.db,
        logger = read_message("Logger"), hostname = read_message("Hostname"),
    }, m.text)
    return code, err
end

function flush(ns, idle)
    open:flush(ns, idle)
end
