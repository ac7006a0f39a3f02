-- Syslog as RFC 5424 writes it:
--   <34>1 2017-03-13T09:01:02.003Z host app 12 ID47 [id@32473 key="value"] text
-- Structured data become fields named <id>.<key>.
local l = require "lpeg"
l.locale(l)
local record = require "log_record"
local severity = require "log_severity"
local time = require "log_time"

local sp = l.P " "
local word = (1 - l.S " \n") ^ 1
local function item(name) return l.P "-" * #(sp + -1) + l.Cg(word, name) end

local name = (1 - l.S '= ]"\n') ^ 1
local value = l.Cs((l.P "\\" * l.C(l.S '"\\]') / "%1" + (1 - l.S '"')) ^ 0)
local element = l.Ct(l.P "[" * l.Cg(name, "id") * (sp ^ 1 * l.Ct(l.C(name) * '="' * value * '"')) ^ 0 * sp ^ 0 * "]")
local data = l.P "-" + l.Cg(l.Ct(element ^ 1), "data")

-- over TCP a record may begin with its length; rsyslog puts a second blank before
-- the text
local grammar = l.Ct((l.digit ^ 1 * sp) ^ -1 * "<" * l.Cg(l.digit * l.digit ^ -2 / tonumber, "pri") * ">"
    * l.R "19" * l.digit ^ -2 * sp * (l.P "-" + time.stamp) * sp * item "host" * sp * item "app" * sp
    * item "procid" * sp * item "msgid" * sp * data
    * (sp * l.P "\239\187\191" ^ -1 * sp ^ -1 * l.Cg(l.P(1) ^ 0, "text") + l.P "\n" ^ 0 * -1))

local msg = { Type = "log" }

local function add_data(elements, fields)
    for _, e in ipairs(elements) do
        for _, pair in ipairs(e) do fields[e.id .. "." .. pair[1]] = pair[2] end
        if not e[1] then fields[e.id] = true end
    end
end

function process_message()
    local log = record.payload()
    local m = grammar:match(log)
    if not m or m.pri > 191 then return record.reject("rfc5424", log) end
    local exact
    if m.date then
        msg.Timestamp, exact = time.to_ns(m)
    else
        msg.Timestamp = nil
    end
    msg.Hostname = m.host
    msg.Pid = m.procid and record.pid(m.procid)
    msg.Severity = m.pri % 8
    msg.Payload = record.chomp(m.text or "")
    local fields = {
        severity_label = severity.labels[msg.Severity],
        syslogfacility = math.floor(m.pri / 8),
        programname = m.app,
        msgid = m.msgid,
    }
    if m.procid and not msg.Pid then fields.procid = m.procid end
    if m.data then add_data(m.data, fields) end
    msg.Fields = fields
    return record.emit(msg, exact)
end
