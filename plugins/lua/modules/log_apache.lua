-- Declarative grammars for Apache's access logs, made from a LogFormat. A format is
-- first split into pieces; then each directive becomes a pattern, which captures what
-- the decoder asked for.
local l = require "lpeg"
l.locale(l)
local http = require "log_http"
local ip = require "ip_address"
local error = error
local ipairs = ipairs
local require = require
local string = require "string"
local tonumber = tonumber
local type = type

local M = {}
setfenv(1, M)

local d = l.digit
local integer = l.P "-" ^ -1 * d ^ 1
local name_char = l.alnum + l.S "-._~!$&'()*+,;=" + l.P "%" * l.xdigit * l.xdigit

-- host_of captures an address or a name as <name>_ipv4, <name>_ipv6 or <name>_host.
function host_of(name)
    return l.Cg(ip.v4 * -name_char, name .. "_ipv4") + l.Cg(ip.v6, name .. "_ipv6") + l.Cg(name_char ^ 1, name .. "_host")
end

local host_pattern = ip.v4 * -name_char + ip.v6 + name_char ^ 1

-- plain directives: the name of what they stand for, and its pattern; a text ends
-- where the text behind the directive begins
local plain = {
    a = { "remote_addr", host_pattern }, h = { "remote_addr", host_pattern }, A = { "server_addr", host_pattern },
    B = { "body_bytes_sent", integer }, b = { "body_bytes_sent", integer },
    D = { "microseconds", integer }, T = { "seconds", integer },
    f = { "request_filename" }, H = { "server_protocol", l.P "HTTP/" * d ^ 1 * "." * d ^ 1 },
    I = { "request_length", integer }, k = { "connection_requests", integer }, l = { "remote_user" },
    L = { "request_log_id" }, m = { "request_method", l.R "AZ" ^ 1 }, O = { "response_length", integer },
    p = { "server_port", integer }, P = { "pid", integer }, q = { "query_string" }, r = { "request" },
    R = { "request_handler" }, s = { "status", d * d * d }, S = { "total_length", integer }, t = { "time" },
    u = { "remote_user" }, U = { "uri" }, v = { "server_name", host_pattern }, V = { "server_name", host_pattern },
    X = { "connection_status", l.S "X+-" },
}

local function header(prefix)
    return function(a) return { prefix .. string.gsub(string.lower(a), "-", "_") } end
end

local function choice(what, list)
    return function(a) return list[a] or error("unknown " .. what .. ": " .. a) end
end

-- time makes the piece of %{format}t.
local function time(a)
    a = string.gsub(string.gsub(a, "^end:", ""), "^begin:", "")
    if string.find(a, "^[mu]sec_frac") then return { "fraction", d ^ 1 } end
    if string.find(a, "^sec") or string.find(a, "^[mu]sec") then return { "moment", d ^ 1 } end
    local dt = require "date_time" -- few formats need it
    return { "moment", dt.build_strftime_grammar(a) / dt.time_to_ns }
end

local with_argument = {
    a = function() return plain.a end, h = function() return plain.h end,
    C = function(a) return { "cookie_" .. a } end, e = function(a) return { "env_" .. a } end,
    n = function(a) return { "module_" .. a } end,
    i = header "http_", o = header "sent_http_", x = header "",
    p = choice("port format", { canonical = plain.p, ["local"] = plain.p, remote = { "remote_port", integer } }),
    P = choice("pid format", { pid = plain.P, tid = { "tid", integer }, hextid = { "tid_hex", l.xdigit ^ 1 } }),
    T = choice("unit of time", { s = plain.T, ms = { "milliseconds", integer }, us = plain.D }),
    t = time,
}

local escapes = { t = "\t", n = "\n", ['"'] = '"', ["\\"] = "\\" }
local unescape = l.Cs((l.P "\\" * l.C(l.S 'tn"\\') / escapes
    + l.P "\\" * l.C(d * d ^ -2) / function(code) return string.char(tonumber(code) % 256) end + 1) ^ 0)

-- pieces splits a format: blanks are true, literals are texts, directives tables.
local function pieces(format)
    local name = l.C(l.alpha + "%")
    local code = d * d * d
    local modifier = (l.P "!" ^ -1 * code * (l.P "," * code) ^ 0) ^ -1 * l.S "<>" ^ -1
    local argument = l.P "{" * l.C((1 - l.P "}") ^ 1) * "}"
    local short = l.P "%" * modifier * name
    local full = l.P "%" * modifier * argument * l.S "<>" ^ -1 * name
    local item = l.space ^ 1 / function() return true end
        + short / function(n)
            if n == "%" then return "%" end
            return plain[n] or error("unknown variable: " .. n)
        end
        + full / function(a, n)
            local make = with_argument[n] or error("unknown variable: " .. n)
            return make(a)
        end
        + (1 - (l.space + short + full)) ^ 1 / function(text) return unescape:match(text) end
    return l.Ct(item ^ 1):match(format) or error("could not parse the log_format configuration")
end

-- build makes the grammar of a format. take(name, patt, char, has, quoted) returns the pattern of
-- a directive, which captures what is wanted of it; char is one character of a text.
-- Of a name that appears more than once the last one counts. has tells
-- which names the format has, quoted that the text stands in quotes; take may return
-- nil for a directive of no interest.
function build(format, take)
    local list, last = pieces(format), {}
    local has = {}
    for i, piece in ipairs(list) do
        if type(piece) == "table" then last[piece[1]], has[piece[1]] = i, true end
    end
    local grammar, stop, quoted = l.P(true), l.space, false
    for i, piece in ipairs(list) do
        if piece == true then
            grammar, stop, quoted = grammar * l.space ^ 1, l.space, false
        elseif type(piece) == "string" then
            grammar, stop, quoted = grammar * piece, l.P(string.sub(piece, -1)), string.sub(piece, -1) == '"'
        else
            local char = quoted and l.P '\\"' + (1 - stop) or 1 - stop
            local name, patt = piece[1], piece[2] or char ^ 0
            if name == "time" then patt = (1 - l.P "]") ^ 1 end
            local one = last[name] == i and take(name, patt, char, has, quoted) or patt
            if name == "time" then
                one = l.P "[" * one * "]"
            elseif piece[2] then
                one = one + "-" -- Apache's word for nothing
            end
            grammar = grammar * one
        end
    end
    return grammar
end

-- hosts adds what captures of host_of mean: the field that they become.
function hosts(captures, name, field, weak)
    for _, kind in ipairs { "ipv4", "ipv6", "host" } do
        captures[name .. "_" .. kind] = { to = field, representation = kind == "host" and "hostname" or kind, weak = weak }
    end
end

-- both is host_of under two names at once.
function both(a, b)
    local function one(patt, kind) return l.Cg(patt, a .. kind) * l.Cg(l.Cb(a .. kind), b .. kind) end
    return one(ip.v4 * -name_char, "_ipv4") + one(ip.v6, "_ipv6") + one(name_char ^ 1, "_host")
end

-- request captures a request line; otherwise is what a text is that holds none. url
-- names the group of the path.
function request(char, quoted, otherwise, url)
    return http.request_within(quoted and char or l.P(1), url) * char ^ 0 + otherwise
end

-- forwarded captures a text of such characters as the client's address if it holds
-- an IPv4 address.
function forwarded(char)
    return -(-http.address_within(char)) * l.Cg(char ^ 0, "http_client_ip_address") + char ^ 0
end

return M
