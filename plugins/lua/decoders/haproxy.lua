-- HAProxy by way of syslog (any of rsyslog's default headers, or none): requests
-- (option httplog), connections (option tcplog), refused connections, and the
-- daemon's own messages.
local l = require "lpeg"
l.locale(l)
local header = require "log_header"
local http = require "log_http"
local ip = require "ip_address"
local record = require "log_record"
local severity = require "log_severity"
local time = require "log_time"

local d = l.digit
local number = l.P "+" ^ -1 * (l.P "-" ^ -1 * d ^ 1 / tonumber)
local word = (1 - l.S " \n") ^ 1
local name = (1 - l.S " /\n") ^ 1
local function part(key) return l.Cg(number, key) end

local host = l.Cg(ip.v4, "client") + l.Cg(ip.v6 * #(l.P ":" * d ^ 1 * " "), "client")
    + l.Cg((l.xdigit + l.P ":" * #(l.xdigit ^ 0 * ":")) ^ 1, "client") + l.P "unix"
local start = host * ":" * part "port" * " [" * l.Cg(d * d * "/" * time.month * "/" * d * d * d * d, "day") * ":"
    * l.Cg(time.time_of_day, "time") * (l.P "." * l.Cg(d ^ 1, "frac")) ^ -1 * "] " * l.Cg(name, "frontend")
local target = l.P " " * l.Cg(name, "backend") * "/" * l.Cg(word, "server") * " "
local connections = part "actconn" * "/" * part "feconn" * "/" * part "beconn" * "/" * part "srvconn" * "/" * part "retries"
local queues = part "srv_queue" * "/" * part "backend_queue"
local captured = (l.P "{" * (1 - l.P "}") ^ 0 * "} ") ^ 0
local request = l.Ct(start * target
    * part "tq" * "/" * part "tw" * "/" * part "tc" * "/" * part "tr" * "/" * part "tt" * " "
    * part "status" * " " * part "bytes" * " " * word * " " * word * " " * l.Cg(word, "termination") * " "
    * connections * " " * queues * " " * captured * l.P '"' * l.Cg((1 - l.S '"\n') ^ 0, "request"))
local connection = l.Ct(start * target
    * part "tw" * "/" * part "tc" * "/" * part "tt" * " " * part "bytes" * " " * l.Cg(word, "termination") * " "
    * connections * " " * queues)
local refused = l.Ct(start * "/" * l.Cg(word, "bind") * ": " * l.Cg((1 - l.P "\n") ^ 1, "reason"))

-- times: milliseconds become seconds; -1 says that the state was not reached
local timers = { tq = "haproxy_request_time", tw = "haproxy_queue_time", tc = "haproxy_connect_time",
    tr = "haproxy_response_time", tt = "haproxy_total_time" }
local numbers = { actconn = "haproxy_active_connections", feconn = "haproxy_frontend_connections",
    beconn = "haproxy_backend_connections", srvconn = "haproxy_server_connections", retries = "haproxy_retries",
    srv_queue = "haproxy_server_queue", backend_queue = "haproxy_backend_queue" }

local months = { Jan = "01", Feb = "02", Mar = "03", Apr = "04", May = "05", Jun = "06", Jul = "07", Aug = "08",
    Sep = "09", Oct = "10", Nov = "11", Dec = "12" }

local function accept_time(m)
    local day, month, year = m.day:match("^(%d+)/(%a+)/(%d+)$")
    return time.parse(year .. "-" .. months[month] .. "-" .. day .. " " .. m.time .. "." .. (m.frac or "0"))
end

local function copy(m, fields)
    fields.haproxy_frontend = m.frontend
    fields.haproxy_backend = m.backend
    fields.haproxy_server = m.server
    fields.haproxy_termination_state = m.termination
    for key, field in pairs(timers) do
        local ms = m[key]
        if ms and ms >= 0 then fields[field] = { value = ms / 1e3, representation = "s" } end
    end
    for key, field in pairs(numbers) do fields[field] = m[key] end
    if m.client then fields.http_client_ip_address = m.client end
    if m.status then
        if m.status > 0 then fields.http_status = m.status end
        if m.tt and m.tt >= 0 then fields.http_response_time = m.tt / 1e3 end
        fields.http_response_size = m.bytes
        http.copy(http.split(m.request), fields)
    elseif m.bytes then
        fields.haproxy_bytes = { value = m.bytes, representation = "B" }
    end
end

-- own_level finds the level of a message of the daemon itself.
local function own_level(text)
    local word_ = text:match("^%[(%u+)%]")
    if word_ then return severity.number(word_) or 6 end
    if text:find("has no server available", 1, true) then return 1 end
    if text:find(" is DOWN", 1, true) then return 4 end
    return 6
end

function process_message()
    local log = record.payload()
    local h = header.split(log)
    local text = record.chomp(h and h.text or log)
    local m = request:match(text) or connection:match(text) or refused:match(text)
    if not h and not m then return record.reject("haproxy", log) end
    local fields = { programname = h and h.program or "haproxy", syslogfacility = h and h.facility }
    local level = h and h.severity
    if m then
        copy(m, fields)
        level = level or m.reason and 4 or 6
    end
    level = level or own_level(text)
    fields.severity_label = severity.labels[level]
    local ns, exact = m and accept_time(m), false
    if h and h.exact then ns, exact = h.ns, true end
    return record.emit({
        Type = "log",
        Timestamp = ns or h and h.ns,
        Hostname = h and h.host,
        Pid = h and h.pid,
        Severity = level,
        Payload = text,
        Fields = fields,
    }, exact)
end
