-- Access logs of services behind Apache, in any LogFormat. A format without a
-- directive is a nickname (vhost_combined): its lines pass unparsed.
local clf = require "common_log_format"
local http = require "log_http"
local record = require "log_record"
local string = require "string"
local read_message = read_message

local M = {}
setfenv(1, M)

local function client(m, forwarded_only)
    local forwarded = m.http_x_forwarded_for
    if http.has_address(forwarded) then return forwarded end
    if not forwarded_only then return m.remote_addr end
end

-- new makes the process_message of a decoder: logger is the messages' logger,
-- forwarded_only leaves the client out unless a proxy named it.
function new(logger, pattern, forwarded_only)
    local grammar
    if string.find(pattern, "%", 1, true) then grammar = clf.build_apache_grammar(pattern) end
    local fields = { severity_label = "INFO" }
    local msg = { Type = "log", Severity = 6, Logger = logger, Fields = fields }

    return function()
        local log = record.payload()
        local m = {}
        if grammar then
            m = grammar:match(log)
            if not m then return record.reject("access log", log) end
        end
        msg.Timestamp = m.time and m.time + (m.sec_frac or 0) * 1e9
        msg.Payload = record.chomp(log)
        fields.programname = read_message("Logger")
        fields.http_status = m.status
        fields.http_response_time = http.seconds(m.request_time)
        fields.http_client_ip_address = client(m, forwarded_only)
        http.copy(http.split(m.request), fields)
        if not m.request and m.request_method then
            fields.http_method = m.request_method
            fields.http_url = m.uri and m.uri .. (m.query_string or "")
            fields.http_version = http.version(m.server_protocol)
        end
        return record.emit(msg, true) -- these times carry their offset
    end
end

return M
