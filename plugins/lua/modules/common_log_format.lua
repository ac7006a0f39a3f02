-- Grammars for the access logs of Apache and nginx, made from their format
-- strings, and for nginx's error log. Apache's directives get the names of
-- nginx's variables.
local l = require "lpeg"
l.locale(l)
local string = require "string"
local dt = require "date_time"
local ip = require "ip_address"
local error = error
local ipairs = ipairs
local require = require
local tonumber = tonumber
local type = type

local M = {}
setfenv(1, M)

local integer = l.P "-" ^ -1 * l.digit ^ 1 / tonumber
local double = l.digit ^ 1 * "." * l.digit ^ 1 / tonumber
local http_status = l.digit * l.digit * l.digit / tonumber
local function zero() return 0 end

-- with makes a value with a representation.
local function with(patt, representation)
    return l.Ct(l.Cg(patt, "value") * l.Cg(l.Cc(representation), "representation"))
end

local name_char = l.alnum + l.S "-._~!$&'()*+,;=" + l.P "%" * l.xdigit * l.xdigit
local host = with(ip.v4 * -name_char, "ipv4") + with(ip.v6, "ipv6") + with(name_char ^ 1, "hostname")
local bytes = with(integer, "B")

-- a comma and blank separate servers, a colon server groups
local function upstream(item)
    return item * ((l.P ", " + " : ") * item) ^ 0
end

-- "-" alone says that no server was asked
local nobody = l.P "-" * -(l.P ", " + " : ")

local upstream_addr = l.C((1 - l.S ", ") ^ 1)
local upstream_time = double + l.P "-" / zero

local nginx_variables = {
    binary_remote_addr = l.P(4),
    body_bytes_sent = bytes,
    bytes_sent = bytes,
    connection = integer,
    connection_requests = integer,
    content_length = bytes,
    host = host,
    hostname = host,
    https = l.P "on" ^ -1,
    is_args = l.P "?" ^ -1,
    msec = double / dt.seconds_to_ns,
    nginx_version = l.digit ^ 1 * "." * l.digit ^ 1 * "." * l.digit ^ 1,
    pid = integer,
    pipe = l.S "p.",
    proxy_protocol_addr = host,
    remote_addr = host,
    remote_port = integer,
    request_completion = l.P "OK" ^ -1,
    request_length = bytes,
    request_method = l.R "AZ" ^ 1,
    request_time = with(double, "s"),
    scheme = l.P "https" + "http",
    server_addr = host,
    server_name = host,
    server_port = integer,
    server_protocol = l.P "HTTP/" * l.digit ^ 1 * "." * l.digit ^ 1,
    status = http_status,
    tcpinfo_rtt = integer,
    tcpinfo_rttvar = integer,
    tcpinfo_snd_cwnd = integer,
    tcpinfo_rcv_space = integer,
    time_iso8601 = dt.rfc3339 / dt.time_to_ns,
    time_local = dt.clf_timestamp / dt.time_to_ns,
    upstream_addr = l.Ct(upstream(upstream_addr)),
    upstream_cache_status = l.P "HIT" + "MISS" + "EXPIRED" + "BYPASS" + "STALE" + "UPDATING" + "REVALIDATED" + "-",
    upstream_cache_last_modified = dt.build_strftime_grammar("%a, %d %b %Y %T GMT") / dt.time_to_ns + "-",
    upstream_response_length = with(l.Ct(upstream(integer)), "B") + "-",
    upstream_response_time = nobody + with(l.Ct(upstream(upstream_time)), "s"),
    upstream_status = nobody + l.Ct(upstream(http_status + l.P "-" / zero)),
}

-- text is a variable without a grammar of its own: it reaches to the next quote
-- when it stands in quotes, else to the character of the literal before it.
local function text(name, stop)
    if stop == '"' then return l.Cg((l.P '\\"' + (1 - l.P '"')) ^ 0, name) end
    return l.Cg((1 - l.P(stop)) ^ 0, name)
end

local function join(pieces)
    local grammar = l.P(true)
    for _, piece in ipairs(pieces) do grammar = grammar * piece end
    return l.Ct(grammar)
end

local times = { time_local = true, time_iso8601 = true, msec = true }

-- build_nginx_grammar makes a grammar from an nginx log_format.
function build_nginx_grammar(log_format)
    local stop = l.space
    local function blank()
        stop = l.space
        return l.space ^ 1
    end
    local function variable(name)
        local patt = nginx_variables[name]
        if not patt then return text(name, stop) end
        return l.Cg(patt, times[name] and "time" or name)
    end
    local function literal(s)
        stop = string.sub(s, -1)
        return l.P(s)
    end
    local var = l.P "$" * l.C((l.alnum + "_") ^ 1) + l.P "${" * l.C((l.alnum + "_") ^ 1) * "}"
    local item = l.space ^ 1 / blank + var / variable + (1 - (l.space + var)) ^ 1 / literal
    local pieces = l.Ct(item ^ 1):match(log_format)
    if not pieces then error("could not parse the log_format configuration") end
    return join(pieces)
end

local apache_variables = {
    ["%"] = l.P "%",
    a = l.Cg(host, "remote_addr"),
    A = l.Cg(host, "server_addr"),
    B = l.Cg(bytes, "body_bytes_sent"),
    b = l.Cg(with(integer + l.P "-" / zero, "B"), "body_bytes_sent"),
    D = l.Cg(with(integer, "us"), "request_time"),
    f = "request_filename",
    h = l.Cg(host, "remote_addr"),
    H = l.Cg(nginx_variables.server_protocol, "server_protocol"),
    I = l.Cg(bytes, "request_length"),
    k = l.Cg(integer, "connection_requests"),
    l = "remote_user",
    L = "request_log_id",
    m = l.Cg(nginx_variables.request_method, "request_method"),
    O = l.Cg(bytes, "response_length"),
    p = l.Cg(integer, "server_port"),
    P = l.Cg(integer, "pid"),
    q = "query_string",
    r = "request",
    R = "request_handler",
    s = l.Cg(http_status, "status"),
    S = l.Cg(bytes, "total_length"),
    t = l.P "[" * l.Cg(nginx_variables.time_local, "time") * "]",
    T = l.Cg(with(integer, "s"), "request_time"),
    u = "remote_user",
    U = "uri",
    v = l.Cg(host, "server_name"),
    V = l.Cg(host, "server_name"),
    X = l.Cg(l.S "X+-", "connection_status"),
}

-- header names are spelled as nginx spells them
local function header(prefix)
    return function(a)
        local name = string.gsub(string.lower(a), "-", "_")
        return prefix .. name
    end
end

local function port_argument(a)
    if a == "canonical" or a == "local" then return l.Cg(integer, "server_port") end
    if a == "remote" then return l.Cg(integer, "remote_port") end
    error("unknown port format: " .. a)
end

local function pid_argument(a)
    if a == "pid" then return l.Cg(integer, "pid") end
    if a == "tid" then return l.Cg(integer, "tid") end
    if a == "hextid" then return l.Cg(l.xdigit ^ 1 / function(n) return tonumber(n, 16) end, "tid") end
    error("unknown pid format: " .. a)
end

local function scaled(factor)
    return l.Cg(l.digit ^ 1 / function(n) return tonumber(n) * factor end, "time")
end

local function time_argument(a)
    a = string.gsub(string.gsub(a, "^end:", ""), "^begin:", "")
    if string.find(a, "^sec") then return scaled(1e9) end
    if string.find(a, "^[mu]sec_frac") then
        return l.Cg(l.digit ^ 1 / function(n) return tonumber("." .. n) end, "sec_frac")
    end
    if string.find(a, "^msec") then return scaled(1e6) end
    if string.find(a, "^usec") then return scaled(1e3) end
    return l.Cg(dt.build_strftime_grammar(a) / dt.time_to_ns, "time")
end

local apache_arguments = {
    a = function() return apache_variables.a end,
    h = function() return apache_variables.h end,
    C = function(a) return "cookie_" .. a end,
    e = function(a) return "env_" .. a end,
    i = header("http_"),
    n = function(a) return "module_" .. a end,
    o = header("sent_http_"),
    p = port_argument,
    P = pid_argument,
    t = time_argument,
    T = function(a)
        if a ~= "s" and a ~= "ms" and a ~= "us" then error("unknown unit of time: " .. a) end
        return l.Cg(with(integer, a), "request_time")
    end,
    x = header(""),
}

local escapes = { t = "\t", n = "\n", ['"'] = '"', ["\\"] = "\\" }
local unescape = l.Cs((l.P "\\" * l.C(l.S 'tn"\\') / escapes
    + l.P "\\" * l.C(l.digit * l.digit ^ -2) / function(code) return string.char(tonumber(code) % 256) end + 1) ^ 0)

-- build_apache_grammar makes a grammar from an Apache LogFormat. A caller that
-- wants little of it may give patterns of its own, by directive or argument and
-- directive ("s", "X-Forwarded-For i"), true for those it takes as they are;
-- functions get the text pattern that ends where the directive ends. The others
-- then capture nothing.
function build_apache_grammar(log_format, own)
    local stop = l.space
    local function capture(patt, key)
        local mine = own and own[key]
        if type(mine) == "function" then return mine(text("_", stop) / 0) end
        if type(mine) ~= "boolean" and mine ~= nil then return mine end
        if type(patt) == "string" then patt = text(patt, stop) end
        return own and not mine and patt / 0 or patt
    end
    local function blank()
        stop = l.space
        return l.space ^ 1
    end
    local function directive(name)
        return capture(apache_variables[name] or error("unknown variable: " .. name), name)
    end
    local function with_argument(argument, name)
        local make = apache_arguments[name] or error("unknown variable: " .. name)
        return capture(make(argument), argument .. " " .. name)
    end
    local function literal(s)
        s = unescape:match(s)
        stop = string.sub(s, -1)
        return l.P(s)
    end
    local name = l.C(l.alpha + "%")
    local code = l.digit * l.digit * l.digit
    local modifier = (l.P "!" ^ -1 * code * (l.P "," * code) ^ 0) ^ -1 * l.S "<>" ^ -1
    local argument = l.P "{" * l.C((1 - l.P "}") ^ 1) * "}"
    local plain = l.P "%" * modifier * name
    local full = l.P "%" * modifier * argument * l.S "<>" ^ -1 * name
    local item = l.space ^ 1 / blank + plain / directive + full / with_argument
        + (1 - (l.space + plain + full)) ^ 1 / literal
    local pieces = l.Ct(item ^ 1):match(log_format)
    if not pieces then error("could not parse the log_format configuration") end
    return join(pieces)
end

local nginx_levels = { debug = 7, info = 6, notice = 5, warn = 4, error = 3, crit = 2, alert = 1, emerg = 0 }
local number = l.digit ^ 1 / tonumber

-- nginx_error_grammar parses a line of nginx's error log into Timestamp (which the
-- original called time), Severity, Pid, Fields (tid, connection) and Payload.
nginx_error_grammar = l.Ct(
    l.Cg(dt.build_strftime_grammar("%Y/%m/%d %T") / dt.time_to_ns, "time") * l.Cg(l.Cb "time", "Timestamp")
    * l.space * "[" * l.Cg((l.P "debug" + "info" + "notice" + "warn" + "error" + "crit" + "alert" + "emerg")
        / nginx_levels, "Severity") * "]"
    * l.space * l.Cg(number, "Pid") * "#"
    * l.Cg(l.Ct(l.Cg(number, "tid") * ": " * (l.P "*" * l.Cg(number, "connection") * " ") ^ -1), "Fields")
    * l.Cg(l.P(1) ^ 0, "Payload"))

-- the version follows the word, or else the last slash
local function version_after(ua, word)
    local from, to
    if word then
        from, to = string.find(ua, word, 1, true)
    else
        from, to = string.find(ua, "^.*/")
    end
    if from then return tonumber(string.match(ua, "^%d+", to + 1)) end
end

-- normalize_user_agent returns the browser, its major version and the operating
-- system named by a User-Agent header; nil for what it cannot tell.
function normalize_user_agent(ua)
    if not ua then return end
    local known = require "user_agents"
    local browser, version, os
    for _, s in ipairs(known.systems) do
        if string.find(ua, s[1], 1, true) then
            os = s[2]
            break
        end
    end
    for _, b in ipairs(known.browsers) do
        if string.find(ua, b[1], 1, true) then
            browser, version = b[1], version_after(ua, b[2])
            break
        end
    end
    return browser, version, os
end

return M
