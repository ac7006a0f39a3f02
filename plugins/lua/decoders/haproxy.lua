-- HAProxy by way of syslog (any of rsyslog's default headers, or none): requests
-- (option httplog), connections (option tcplog), refused connections, and the
-- daemon's own messages.
local l = require "lpeg"
l.locale(l)
local g = require "log_grammar"
local http = require "log_http"
local ip = require "ip_address"
local severity = require "log_severity"

local d = l.digit
local word = (1 - l.S " \n") ^ 1
local name = (1 - l.S " /\n") ^ 1
local number = l.P "+" ^ -1 * l.P "-" ^ -1 * d ^ 1
local function part(key) return l.P "+" ^ -1 * l.Cg(l.P "-" ^ -1 * d ^ 1, key) end
-- -1 says that the state was not reached
local function timer(key) return l.P "+" ^ -1 * l.Cg(d ^ 1, key) + number end
local function level(n) return l.Cg(l.Cc(n), "Severity") end

local dd = d * d
local address = ip.v4 + ip.v6 * #(l.P ":" * d ^ 1 * " ") + (l.xdigit + l.P ":" * #(l.xdigit ^ 0 * ":")) ^ 1
local host = l.Cg(address, "http_client_ip_address") + "unix"
local start = host * ":" * number * " [" * l.Cg(dd * "/" * g.month * "/" * dd * dd * ":" * g.time_of_day, "Timestamp") * "] "
    * l.Cg(name, "haproxy_frontend")
local target = l.P " " * l.Cg(name, "haproxy_backend") * "/" * l.Cg(word, "haproxy_server") * " "
local connections = part "haproxy_active_connections" * "/" * part "haproxy_frontend_connections" * "/"
    * part "haproxy_backend_connections" * "/" * part "haproxy_server_connections" * "/" * part "haproxy_retries"
local queues = part "haproxy_server_queue" * "/" * part "haproxy_backend_queue"
local termination = l.Cg(word, "haproxy_termination_state")
local headers = (l.P "{" * (1 - l.P "}") ^ 0 * "} ") ^ 0
local status = l.P "+" ^ -1 * (l.Cg(l.R "19" * d ^ 0, "http_status") + l.P "-" ^ -1 * d ^ 1)
local total = l.P "+" ^ -1 * l.Cg(d ^ 1, "haproxy_total_time") * l.Cg(l.Cb "haproxy_total_time", "http_response_time") + number

local request = timer "haproxy_request_time" * "/" * timer "haproxy_queue_time" * "/" * timer "haproxy_connect_time" * "/"
    * timer "haproxy_response_time" * "/" * total * " " * status * " " * part "http_response_size" * " "
    * word * " " * word * " " * termination * " " * connections * " " * queues * " " * headers
    * '"' * (http.request_within(1 - l.S '"\n')) ^ -1
local connection = timer "haproxy_queue_time" * "/" * timer "haproxy_connect_time" * "/" * timer "haproxy_total_time" * " "
    * part "haproxy_bytes" * " " * termination * " " * connections * " " * queues
local refused = l.P "/" * word * ": " * #(1 - l.P "\n") * level(4)
local traffic = start * (target * (request + connection) * level(6) + refused)

-- a message of the daemon itself
local own = l.P "[" * #l.R "AZ" * l.Cg(g.word_of(severity.numbers), "Severity") * "]"
    + #l.P "[" * #(l.P "[" * l.R "AZ" ^ 1 * "]") * level(6)
    + g.search "has no server available" * level(1) + g.search " is DOWN" * level(4) + level(6)

-- a request was accepted before the header's time, which counts only if it is exact
grammar = g.syslog("Timestamp", "_received") * g.payload + -(-traffic) * g.payload
extract = traffic + own

captures = { _received = { to = "Timestamp", weak = true } }
local ms = { type = "number", divide = 1e3, representation = "s" }
for _, key in ipairs { "request", "queue", "connect", "response", "total" } do captures["haproxy_" .. key .. "_time"] = ms end
captures.http_response_time = { type = "number", divide = 1e3 }
types = { http_status = "number", http_response_size = "number", haproxy_bytes = "number", syslogfacility = "number" }
for _, key in ipairs { "active_connections", "frontend_connections", "backend_connections", "server_connections",
    "retries", "server_queue", "backend_queue" } do
    types["haproxy_" .. key] = "number"
end
representations = { haproxy_bytes = "B" }
severity_label = "canonical"
defaults = { Type = "log", Fields = { programname = "haproxy" } }
