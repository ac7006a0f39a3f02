-- Access logs of Apache (Horizon): every variable of the format becomes a field.
-- Options: log_format, type (log), payload_keep, user_agent_transform (browser,
-- version and system instead of the header), user_agent_keep (the header too),
-- user_agent_conditional (keep the header when the browser is unknown).
local clf = require "common_log_format"
local http = require "log_http"
local record = require "log_record"

local format = read_config("log_format") or error("log_format must be given: the LogFormat of the file")
local grammar = clf.build_apache_grammar(format)
local msg = { Type = read_config("type") or "log", Severity = 6 }
local transform = read_config("user_agent_transform")
local keep = read_config("user_agent_keep")
local conditional = read_config("user_agent_conditional")
local payload_keep = read_config("payload_keep")

local names = {
    request_method = "http_method",
    response_length = "http_response_size",
    status = "http_status",
    server_protocol = "http_version",
}

local taken = { time = true, sec_frac = true, request_time = true, request = true, uri = true, query_string = true }

local function user_agent(m)
    if not m.http_user_agent or not transform then return end
    m.user_agent_browser, m.user_agent_version, m.user_agent_os = clf.normalize_user_agent(m.http_user_agent)
    if not (keep or conditional and not m.user_agent_browser) then m.http_user_agent = nil end
end

local function url(m, fields)
    local parts = http.split(m.request)
    if parts then
        http.copy(parts, fields)
    else
        fields.request = m.request
    end
    if m.uri then
        fields.http_url = m.uri .. (m.query_string or "")
    else
        fields.query_string = m.query_string
    end
end

function process_message()
    local log = record.payload()
    local m = grammar:match(log)
    if not m then return record.reject("access log", log) end
    user_agent(m)
    local fields = { severity_label = "INFO", programname = read_message("Logger") }
    for name, value in pairs(m) do
        if not taken[name] then fields[names[name] or name] = value end
    end
    fields.http_version = http.version(fields.http_version)
    fields.http_response_time = http.seconds(m.request_time)
    url(m, fields)
    local forwarded = m.http_x_forwarded_for
    fields.http_client_ip_address = http.has_address(forwarded) and forwarded or m.remote_addr
    msg.Timestamp = m.time and m.time + (m.sec_frac or 0) * 1e9
    msg.Payload = payload_keep and record.chomp(log) or nil
    msg.Fields = fields
    return record.emit(msg, true) -- these times carry their offset
end
