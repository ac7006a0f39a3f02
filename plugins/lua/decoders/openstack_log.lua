-- Logs of OpenStack services, as oslo.log writes them:
--   2017-03-13 09:58:41.207 18302 INFO nova.wsgi [req-...] text
-- The stream is named <service>_<program>. The lines of a traceback become one
-- record.
local l = require "lpeg"
l.locale(l)
local http = require "log_http"
local identifier = require "identifier"
local multiline = require "log_multiline"
local record = require "log_record"
local severity = require "log_severity"
local time = require "log_time"

local level = l.P "CRITICAL" + "ERROR" + "WARNING" + "WARN" + "INFO" + "AUDIT" + "DEBUG" + "TRACE"
local module_name = (l.alnum + l.S "._-") ^ 1
local grammar = l.Ct(time.stamp * l.space * l.Cg(l.digit ^ 1, "pid") * l.space * l.Cg(level, "level") * l.space
    * l.Cg(module_name, "module") * l.space * l.Cg(l.P(1) ^ 0, "message"))

-- the first bracket that holds a request id counts
local id = identifier.uuid
local bracket = l.P "[" * l.P "None " ^ -1 * l.P "req-" ^ -1
    * l.Ct(l.Cg(id, "request") * (l.space * l.Cg(id, "user") * l.space * l.Cg(id, "tenant")) ^ -1)
local context = l.P { bracket + (1 - l.P "[") ^ 1 * l.V(1) + l.P "[" * l.V(1) }

local traceback = "Traceback (most recent call last):"

local fields = {}
local msg = { Type = "log", Fields = fields }

local function emit(head, text)
    msg.Logger = head.logger
    msg.Hostname = head.hostname
    msg.Timestamp = head.ns
    msg.Pid = head.pid
    msg.Severity = head.severity
    msg.Payload = record.chomp(text)
    fields.severity_label = head.level
    fields.python_module = head.module
    fields.programname = head.program
    local ids = context:match(text)
    fields.request_id = ids and ids.request
    fields.user_id = ids and ids.user
    fields.tenant_id = ids and ids.tenant
    local answer = http.answer:match(text)
    http.copy(answer, fields)
    fields.http_status = answer and answer.http_status
    fields.http_response_size = answer and answer.http_response_size
    fields.http_response_time = answer and answer.http_response_time
    fields.http_client_ip_address = answer and http.address:match(text)
    return record.emit(msg, head.exact)
end

local open = multiline.new(emit)

local head = {}

local function same(a, b)
    return a.ns == b.ns and a.pid == b.pid and a.level == b.level and a.module == b.module
        and a.logger == b.logger and a.program == b.program
end

local function read_head(m, service, program)
    local h = open.head == head and {} or head -- a held head must not change
    h.ns, h.exact = time.to_ns(m)
    h.pid = record.pid(m.pid)
    h.level = m.level == "WARN" and "WARNING" or m.level
    h.severity = severity.number(h.level, 7)
    h.module = m.module
    h.logger = "openstack." .. service
    h.program = program
    h.hostname = read_message("Hostname")
    return h
end

function process_message()
    local logger = read_message("Logger")
    local service, program = string.match(logger, "([^_]+)_(.+)")
    if not service then
        return -1, "the stream name " .. logger .. " is not of the form <service>_<program>"
    end
    local log = record.payload()
    local m = grammar:match(log)
    if not m then
        if open.head then return open:add(log) end
        return record.reject("openstack", log)
    end
    local h = read_head(m, service, program)
    if open.head then
        if same(open.head, h) then return open:add(m.message) end
        open:close() -- its failure must not cost this line
    end
    if string.find(m.message, traceback, 1, true) then
        open:open(h, m.message)
        return 0
    end
    return emit(h, m.message)
end

function flush(ns, idle)
    open:flush(ns, idle)
end
