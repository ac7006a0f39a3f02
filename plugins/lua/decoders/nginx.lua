-- nginx's access and error logs. Options: log_format (combined; any format string
-- of nginx), log_type (access, error, or auto: both), payload_keep (true).
local l = require "lpeg"
l.locale(l)
local clf = require "common_log_format"
local http = require "log_http"
local record = require "log_record"
local severity = require "log_severity"

local combined = '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent '
    .. '"$http_referer" "$http_user_agent"'

local format = read_config("log_format") or combined
if format == "combined" then format = combined end
local access = clf.build_nginx_grammar(format)
local kind = read_config("log_type") or "auto"
if kind ~= "auto" and kind ~= "access" and kind ~= "error" then
    error("log_type is '" .. kind .. "'; it must be access, error or auto")
end
local keep = read_config("payload_keep")
if keep == nil then keep = true end

local names = {
    request_method = "http_method",
    server_protocol = "http_version",
    status = "http_status",
    body_bytes_sent = "http_response_size",
    request_uri = "http_url",
}

local taken = { time = true, request = true, request_time = true, remote_addr = true }

local function add(name, value, fields)
    if taken[name] or value == "-" or value == "" then return end
    if type(value) == "table" then
        local list = value.value == nil and value or value.value
        if type(list) == "table" and list[1] == nil then return end
    end
    fields[names[name] or name] = value
end

local msg = { Type = "log" }

local function access_record(m, log)
    local fields = { severity_label = "INFO", programname = "nginx" }
    for name, value in pairs(m) do add(name, value, fields) end
    fields.http_version = http.version(fields.http_version)
    local parts = http.split(m.request)
    if parts then
        http.copy(parts, fields)
    elseif m.request and m.request ~= "" then
        fields.request = m.request
    end
    fields.http_response_time = http.seconds(m.request_time)
    local forwarded = m.http_x_forwarded_for
    if http.has_address(forwarded) then
        fields.http_client_ip_address = forwarded
        fields.remote_addr = m.remote_addr
    else
        fields.http_client_ip_address = m.remote_addr
    end
    msg.Timestamp = m.time
    msg.Pid = m.pid
    msg.Severity = 6
    msg.Payload = keep and record.chomp(log) or nil
    msg.Fields = fields
    return record.emit(msg, m.time ~= nil) -- these times carry their offset
end

-- what an error message says about the request it came from
local function context(text, fields)
    fields.http_client_ip_address = string.match(text, ", client: ([^,\n]+)")
    fields.server_name = string.match(text, ", server: ([^,\n]+)")
    fields.upstream = string.match(text, ', upstream: "([^"\n]+)"')
    http.copy(http.split(string.match(text, ', request: "([^"\n]*)"')), fields)
end

local function error_record(m)
    local fields = m.Fields
    fields.severity_label = severity.labels[m.Severity]
    fields.programname = "nginx"
    context(m.Payload, fields)
    msg.Timestamp = m.Timestamp
    msg.Pid = m.Pid
    msg.Severity = m.Severity
    msg.Payload = record.chomp(m.Payload)
    msg.Fields = fields
    return record.emit(msg)
end

function process_message()
    local log = record.payload()
    local m = kind ~= "error" and access:match(log)
    if m then return access_record(m, log) end
    m = kind ~= "access" and clf.nginx_error_grammar:match(log)
    if m then return error_record(m) end
    return record.reject("nginx", log)
end
