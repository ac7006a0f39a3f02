-- nginx's access and error logs. Options: log_format (combined; any format string
-- of nginx), log_type (access, error, or auto: both), payload_keep (true).
local l = require "lpeg"
l.locale(l)
local access = require "log_nginx"
local g = require "log_grammar"
local http = require "log_http"

local kind = read_config("log_type") or "auto"
if kind ~= "auto" and kind ~= "access" and kind ~= "error" then
    error("log_type is '" .. kind .. "'; it must be access, error or auto")
end

local d = l.digit
local constant = l.Cg(l.Cc "nginx", "programname")

-- what an error message says about the request it came from
local function says(name, patt)
    return g.search(l.P(", " .. name .. ": ") * patt)
end
local word = (1 - l.S ",\n") ^ 1

local failure = l.Cg(d ^ 4 * "/" * d * d * "/" * d * d * " " * d * d * ":" * d * d * ":" * d * d, "Timestamp")
    * " [" * l.Cg(l.alpha ^ 1, "Severity") * "] " * l.Cg(d ^ 1, "Pid") * "#" * l.Cg(d ^ 1, "tid") * ": "
    * (l.P "*" * l.Cg(d ^ 1, "connection") * " ") ^ -1 * g.payload * constant

local success = access.build(read_config("log_format")) * constant * l.Cg(l.Cc "info", "Severity")
if read_config("payload_keep") == false then success = success * l.Cg(l.Cc "", "Payload") end

if kind == "access" then
    grammar = success
elseif kind == "error" then
    grammar = failure
else
    grammar = failure + success
end

defaults = { Type = "log" }

types = access.types
types.tid, types.connection = "number", "number"
representations = access.representations

-- what an error message says about the request; an access line has no captured text
captures = { Payload = { grammar = {
    says("client", l.Cg(word, "http_client_ip_address") * says("server", l.Cg(word, "server_name")) ^ -1),
    says("request", l.P '"' * http.request),
    says("upstream", l.P '"' * l.Cg((1 - l.S '"\n') ^ 1, "upstream")),
} } }
