-- Access logs of services behind Apache, in any LogFormat. A format without a
-- directive is a nickname (vhost_combined): its lines pass unparsed.
local l = require "lpeg"
l.locale(l)
local clf = require "common_log_format"
local http = require "log_http"
local ip = require "ip_address"
local logtime = require "logtime"
local record = require "log_record"
local string = require "string"
local setmetatable = setmetatable
local tonumber = tonumber
local read_message = read_message
local type = type

local M = {}
setfenv(1, M)

local integer = l.P "-" ^ -1 * l.digit ^ 1 / tonumber
local name_char = l.alnum + l.S "-._~!$&'()*+,;=" + l.P "%" * l.xdigit * l.xdigit

local function client_of(patt, kind)
    return l.Cg(patt, "client") * l.Cg(l.Cc(kind), "client_kind")
end
local client = client_of(ip.v4 * -name_char, "ipv4") + client_of(ip.v6, "ipv6") + client_of(name_char ^ 1, "hostname")

-- the directives whose values are wanted; a request that is none is passed over
local wanted = {
    a = client,
    h = client,
    s = l.Cg(l.digit * l.digit * l.digit / tonumber, "status"),
    D = l.Cg(integer, "us"),
    T = l.Cg(integer, "s"),
    t = l.P "[" * l.Cg((1 - l.P "]") ^ 1, "time") * "]",
    r = function(text) return http.request_in_quotes * text + text end,
    m = true,
    U = true,
    q = true,
    H = true,
    ["s T"] = true,
    ["ms T"] = true,
    ["us T"] = true,
    ["X-Forwarded-For i"] = true,
}
-- so are the times in a format of their own
setmetatable(wanted, { __index = function(_, key) return string.find(key, " t$") and true or nil end })

local last_text, last_ns

-- moment reads the time: neighbouring lines share it.
local function moment(time)
    if type(time) ~= "string" then return time end
    if time ~= last_text then last_text, last_ns = time, logtime.parse(time) end
    return last_ns
end

local function duration(m)
    if m.us then return m.us / 1e6 end
    return m.s or http.seconds(m.request_time)
end

local address = {}

local function client_field(m, forwarded_only)
    local forwarded = m.http_x_forwarded_for
    if http.has_address(forwarded) then return forwarded end
    if forwarded_only or not m.client then return nil end
    address.value, address.representation = m.client, m.client_kind
    return address
end

local function request(m, fields)
    if not m.http_method and m.request_method then
        m.http_method = m.request_method
        m.http_url = m.uri and m.uri .. (m.query_string or "")
        m.http_version = http.version(m.server_protocol)
    end
    http.copy(m, fields)
end

-- new makes the process_message of a decoder: logger is the messages' logger,
-- forwarded_only leaves the client out unless a proxy named it.
function new(logger, pattern, forwarded_only)
    local grammar
    if string.find(pattern, "%", 1, true) then grammar = clf.build_apache_grammar(pattern, wanted) end
    local fields = { severity_label = "INFO" }
    local msg = { Type = "log", Severity = 6, Logger = logger, Fields = fields }
    local nothing = {}

    return function()
        local log = record.payload()
        local m = nothing
        if grammar then
            m = grammar:match(log)
            if not m then return record.reject("access log", log) end
        end
        local ns = moment(m.time)
        if m.time and not ns then return record.reject("access log", log) end
        msg.Timestamp = ns and ns + (m.sec_frac or 0) * 1e9
        msg.Payload = record.chomp(log)
        fields.programname = read_message("Logger")
        fields.http_status = m.status
        fields.http_response_time = duration(m)
        fields.http_client_ip_address = client_field(m, forwarded_only)
        request(m, fields)
        return record.emit(msg, true) -- these times carry their offset
    end
end

return M
