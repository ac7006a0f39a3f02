-- Access logs of Apache (Horizon): every variable of the format becomes a field.
-- Options: log_format, type (log), payload_keep, user_agent_transform (browser,
-- version and system instead of the header), user_agent_keep (the header too),
-- user_agent_conditional (keep the header when the browser is unknown).
local l = require "lpeg"
l.locale(l)
local apache = require "log_apache"
local http = require "log_http"

local format = read_config("log_format") or error("log_format must be given: the LogFormat of the file")

-- the unit, or false for a plain number
local numbers = {
    body_bytes_sent = "B", request_length = "B", response_length = "B", total_length = "B", connection_requests = false,
    server_port = false, remote_port = false, pid = false, tid = false, status = false, tid_hex = false,
    microseconds = false, milliseconds = false, seconds = false,
}
local names = { response_length = "http_response_size", status = "http_status", tid_hex = "tid",
    microseconds = "http_response_time", milliseconds = "http_response_time", seconds = "http_response_time" }
local divide = { microseconds = 1e6, milliseconds = 1e3 }
local hosts = { server_addr = true, server_name = true }

captures = {
    _method = { to = "http_method", weak = true },
    _url = { to = "http_url", weak = true },
    _version = { to = "http_version", weak = true },
}
for name, unit in pairs(numbers) do
    captures["_" .. name] = { to = names[name] or name, type = name == "tid_hex" and "hex" or "number",
        divide = divide[name], representation = unit or nil }
end
for name in pairs(hosts) do apache.hosts(captures, name, name) end
apache.hosts(captures, "remote", "remote_addr")
apache.hosts(captures, "client", "http_client_ip_address", true)

types = { user_agent_version = "number" }

local transform, keep = read_config("user_agent_transform"), read_config("user_agent_keep")
if transform then
    local agent = require "log_user_agent"
    local browser = agent.browser
    if read_config("user_agent_conditional") then browser = browser + l.Cg(l.P(1) ^ 0, "http_user_agent") end
    captures._user_agent = { grammar = { agent.system, browser } }
end

local special = {
    time = function(patt) return l.Cg(patt, "Timestamp") end,
    moment = function(patt) return l.Cg(patt, "Timestamp") end,
    fraction = function(patt) return l.Cg(patt, "TimestampFraction") end,
    remote_addr = function() return apache.both("remote", "client") end,
    body_bytes_sent = function(patt)
        return l.P "-" * l.Cg(l.Cc "0", "_body_bytes_sent") * -l.digit + l.Cg(patt, "_body_bytes_sent")
    end,
    -- what the request line says counts more than the other directives, except the path
    request = function(_, char, has, quoted)
        return apache.request(char, quoted, l.Cg(char ^ 0, "request"), has.uri and "_url" or nil)
    end,
    request_method = function(patt) return l.Cg(patt, "_method") end,
    server_protocol = function() return l.P "HTTP/" * l.Cg(l.digit ^ 1 * "." * l.digit ^ 1, "_version") end,
    http_x_forwarded_for = function(patt, char)
        local text = l.Cg(patt, "http_x_forwarded_for")
        return -(-http.address_within(char)) * text * l.Cg(l.Cb "http_x_forwarded_for", "http_client_ip_address") + text
    end,
    uri = function(patt, _, has) return l.Cg(patt, has.query_string and "_path" or "http_url") end,
    query_string = function(patt, _, has)
        return has.uri and l.Cg(l.Cb "_path" * l.C(patt) / "%1%2", "http_url") or l.Cg(patt, "query_string")
    end,
    http_user_agent = function(patt)
        if not transform then return l.Cg(patt, "http_user_agent") end
        local header = l.Cg(patt, "_user_agent")
        return keep and header * l.Cg(l.Cb "_user_agent", "http_user_agent") or header
    end,
}

grammar = apache.build(format, function(name, patt, ...)
    if special[name] then return special[name](patt, ...) end
    if hosts[name] then return apache.host_of(name) end
    if numbers[name] ~= nil then return l.Cg(patt, "_" .. name) end
    return l.Cg(patt, name)
end)
if not read_config("payload_keep") then grammar = grammar * l.Cg(l.Cc "", "Payload") end

logger_grammar = l.Cg(l.P(1) ^ 0, "programname")
defaults = { Type = read_config("type") or "log", Severity = 6 }
