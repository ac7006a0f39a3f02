-- Records of rsyslog, parsed with the grammar of the template that wrote them.
local syslog = require "syslog"
local severity = require "log_severity"
local time = require "log_time"
local record = require "log_record"
local string = require "string"
local pairs = pairs
local read_message = read_message
local setmetatable = setmetatable
local tostring = tostring
local type = type

local M = {}
M.__index = M
setfenv(1, M)

-- new makes a parser for a template.
function new(template)
    local lower = string.lower(template)
    return setmetatable({
        grammar = syslog.build_rsyslog_grammar(template),
        -- these times say which moment they mean; the others have neither year nor zone
        exact = string.find(lower, "date-rfc3339", 1, true) ~= nil
            or string.find(lower, "date-unixtimestamp", 1, true) ~= nil,
    }, M)
end

local known = {
    timestamp = true, timegenerated = true, hostname = true, syslogtag = true, pri = true, msg = true,
    syslogseverity = true, ["syslogseverity-text"] = true, syslogpriority = true, ["syslogpriority-text"] = true,
}

local function level(m)
    if m.pri then return m.pri.severity end
    return m.syslogseverity or m["syslogseverity-text"] or m.syslogpriority or m["syslogpriority-text"] or 7
end

local function flatten(m, fields)
    for name, value in pairs(m) do
        if not known[name] then
            if type(value) ~= "table" then
                fields[name] = value
            else
                for key, part in pairs(value) do fields[name .. "." .. tostring(key)] = part end
            end
        end
    end
end

-- parse fills msg from a record; it returns false when the template does not
-- match. The template's line feed ends the first line; further lines of the
-- record are appended to the message.
function M:parse(log, msg)
    local m = self.grammar:match(log)
    if not m then return false end
    local fields = {}
    flatten(m, fields)
    local ns = m.timestamp or m.timegenerated
    if ns and not self.exact then ns = time.settle(ns) end
    msg.Timestamp = ns
    msg.Hostname = m.hostname
    local tag = m.syslogtag
    msg.Pid = tag and record.pid(tag.pid) or 0
    if tag then fields.programname = tag.programname end
    msg.Severity = level(m)
    if m.pri then fields.syslogfacility = m.pri.facility end
    fields.severity_label = severity.labels[msg.Severity]
    local rest = string.match(log, "^[^\n]*\n(.+)")
    msg.Payload = m.msg or m.rawmsg or ""
    if rest then msg.Payload = msg.Payload .. "\n" .. record.chomp(rest) end
    msg.Fields = fields
    return true
end

-- process makes a process_message for system logs: fallback, which may be nil, is
-- the template that is tried when the first one does not match.
function process(template, fallback)
    local parser, second = new(template), fallback and new(fallback)
    local msg = { Type = "log" }
    return function()
        local log = record.payload()
        local used = parser
        if not used:parse(log, msg) then
            used = second
            if not used or not used:parse(log, msg) then return record.reject("syslog", log) end
        end
        msg.Logger = string.gsub(read_message("Logger"), "%.log$", "")
        return record.emit(msg, used.exact)
    end
end

return M
