-- Declarative grammars for nginx's access logs, made from a log_format. The
-- variables get the names that other access logs have.
local l = require "lpeg"
l.locale(l)
local http = require "log_http"
local string = require "string"

local M = {}
setfenv(1, M)

combined = '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent '
    .. '"$http_referer" "$http_user_agent"'

types = {
    http_status = "number", http_response_size = "number", http_response_time = "number", bytes_sent = "number",
    connection = "number", connection_requests = "number", content_length = "number", remote_port = "number",
    request_length = "number", server_port = "number", upstream_response_time = "number",
    upstream_connect_time = "number", upstream_header_time = "number", upstream_status = "number",
    upstream_response_length = "number",
}

representations = {
    http_response_size = "B", bytes_sent = "B", content_length = "B", request_length = "B",
    upstream_response_time = "s", upstream_connect_time = "s", upstream_header_time = "s",
    upstream_response_length = "B",
}

local names = {
    remote_addr = "http_client_ip_address",
    status = "http_status",
    body_bytes_sent = "http_response_size",
    request_method = "http_method",
    request_uri = "http_url",
    request_time = "http_response_time",
    time_local = "Timestamp",
    time_iso8601 = "Timestamp",
    msec = "Timestamp",
    pid = "Pid",
}

local function escaped(text, quoted)
    if quoted then return l.P "\\" * 1 + (1 - l.S '"\\') end
    return 1 - l.P(text == "" and "\n" or text)
end

-- variable makes the pattern of a variable: it reaches to the literal behind it.
-- A dash stands for no value.
local function variable(name, stop, quoted)
    local one = escaped(stop, quoted)
    local ends = stop == "" and (l.P "\n" + -1) or #l.P(stop)
    local any = one ^ 1
    if name == "request" then
        return http.request * #l.P(stop == "" and "\n" or stop) + l.Cg(one ^ 0, "request")
    end
    if name == "server_protocol" then any = l.P "HTTP/" ^ -1 * l.Cg(one ^ 1, "http_version")
    else any = l.Cg(any, names[name] or name) end
    return l.P "-" * ends + any + l.P(true)
end

-- build makes the grammar of a log_format; nil and "combined" mean nginx's own.
function build(format)
    if format == nil or format == "combined" then format = combined end
    local grammar, at = l.P(true), 1
    while true do
        local from, to, name = string.find(format, "%${?([%w_]+)}?", at)
        local literal = string.sub(format, at, (from or #format + 1) - 1)
        if literal ~= "" then grammar = grammar * literal end
        if not from then break end
        local after = string.match(format, "^[^$]*", to + 1)
        local quoted = string.sub(literal, -1) == '"' and string.sub(after, 1, 1) == '"'
        local stop = quoted and '"' or string.sub(after, 1, 1)
        grammar = grammar * variable(name, stop, quoted)
        at = to + 1
    end
    return grammar
end

return M
