-- Contrail's C++ services; the level is optional:
--   2017-03-13 Mon 17:50:37:633.908 UTC  ntw01 [Thread 14, Pid 7711]: BgpPeer [SYS_INFO]: text
-- Messages that carry a document go on over the following lines.
local l = require "lpeg"
l.locale(l)
local multiline = require "log_multiline"
local record = require "log_record"
local severity = require "log_severity"
local time = require "log_time"

local d = l.digit
local name = (l.alnum + l.S "._-") ^ 1
local weekday = l.P "Mon" + "Tue" + "Wed" + "Thu" + "Fri" + "Sat" + "Sun"
local day = d * d * d * d * "-" * (l.P "0" * l.R "19" + l.P "1" * l.R "02") * "-" * d * d
local grammar = l.Ct(l.Cg(day, "day") * l.space * weekday * l.space
    * l.Cg(time.time_of_day, "time") * ":" * l.Cg(d ^ 1 * "." * d ^ 1, "millis") * l.space
    * l.Cg(l.alpha ^ 0, "zone") * l.space ^ 1 * name * l.space
    * "[Thread " * d ^ 1 * ", Pid " * l.Cg(d ^ 1, "pid") * "]: "
    * l.Cg(name, "module") * (l.space * "[" * l.Cg(name, "level") * "]") ^ -1 * l.P ": " ^ -1
    * l.Cg(l.P(1) ^ 0, "message"))

local fields = {}
local msg = { Type = "log", Fields = fields }

local function emit(head, text)
    msg.Timestamp = head.ns
    msg.Logger = head.logger
    msg.Hostname = head.hostname
    msg.Pid = head.pid
    msg.Severity = head.severity
    msg.Payload = record.chomp(text)
    fields.severity_label = severity.labels[head.severity]
    fields.programname = head.module
    return record.emit(msg, head.exact)
end

local open = multiline.new(emit)

local function read_head(m)
    local ns = time.parse(m.day .. " " .. m.time)
    if not ns then return nil end
    local exact
    ns, exact = time.shift(ns + math.floor(tonumber(m.millis) * 1e6 + 0.5), m.zone)
    return {
        ns = ns,
        exact = exact,
        pid = record.pid(m.pid),
        severity = severity.number(m.level, 5),
        module = m.module,
        logger = read_message("Logger"),
        hostname = read_message("Hostname"),
    }
end

local function same(a, b)
    return a.logger == b.logger and a.ns == b.ns and a.pid == b.pid and a.severity == b.severity and a.module == b.module
end

local function opens(text)
    return string.find(text, "ApiServer Message:", 1, true) or string.find(text, "PollResponse message is:", 1, true)
end

function process_message()
    local log = record.payload()
    local m = grammar:match(log)
    local head = m and read_head(m)
    if not head then
        if open.head then return open:add(log) end
        return record.reject("contrail collector", log)
    end
    if open.head then
        if same(open.head, head) then return open:add(m.message) end
        open:close() -- its failure must not cost this line
    end
    if opens(m.message) then
        open:open(head, m.message)
        return 0
    end
    return emit(head, m.message)
end

function flush(ns, idle)
    open:flush(ns, idle)
end
