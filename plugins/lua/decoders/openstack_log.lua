-- Logs of OpenStack services, as oslo.log writes them:
--   2017-03-13 09:58:41.207 18302 INFO nova.wsgi [req-...] text
-- The stream is named <service>_<program>. The lines of a traceback become one
-- record. Option: join_unparsed (false; lines in another form belong to an error
-- or a critical message right before them, instead of being refused).
local l = require "lpeg"
l.locale(l)
local g = require "log_grammar"
local http = require "log_http"
local identifier = require "identifier"

local search = g.search

local level = l.P "CRITICAL" + "ERROR" + "WARNING" + l.P "WARN" / "WARNING" + "INFO" + "AUDIT" + "DEBUG" + "TRACE"

grammar = g.timestamp * l.space * g.pid * l.space
    * l.Cg(level, "severity_label") * l.space
    * l.Cg((l.alnum + l.S "._-") ^ 1, "python_module") * l.space
    * l.Cg(l.P(1) ^ 0, "Payload")

-- a stream whose name does not say the service and the program is refused
logger_grammar = l.Cg((1 - l.P "_") ^ 1 / "openstack.%0", "Logger") * "_" * l.Cg(l.P(1) ^ 1, "programname")
logger_required = true

defaults = { Type = "log" }

multiline = {
    open = search "Traceback (most recent call last):",
    key = { "Logger", "Timestamp", "Pid", "severity_label", "python_module" },
    unmatched = "append",
    separator = "",
}

if read_config("join_unparsed") then multiline.join = 3 end

-- the first bracket that holds a request id counts
local id = identifier.digits
local bracket = l.P "[" * l.P "None " ^ -1 * l.P "req-" ^ -1 * l.Cg(id, "request_id")
    * (l.space * l.Cg(id, "user_id") * l.space * l.Cg(id, "tenant_id")) ^ -1

-- an address is a client's only if the text holds a request, which it precedes
-- as a rule
local client = http.first_address "http_client_ip_address"
local answer = search(http.openstack_answer)
local request = #search " HTTP/" * (client * answer + answer * client ^ -1)

-- most texts begin with the bracket; what stands behind it is then searched once
extract = { first = bracket * request ^ -1, search(bracket), request }

types = {
    http_status = "number", http_response_size = "number", http_response_time = "number",
    request_id = "uuid", user_id = "uuid", tenant_id = "uuid",
}
