-- HTTP requests in log lines.
local l = require "lpeg"
l.locale(l)
local ip = require "ip_address"
local string = require "string"

local M = {}
setfenv(1, M)

-- request captures http_method, http_url and http_version of a request line.
request = l.Cg(l.R "AZ" ^ 3, "http_method") * l.space * l.Cg((1 - l.space) ^ 1, "http_url") * l.space
    * "HTTP/" * l.Cg(l.digit * (l.P "." * l.digit) ^ -1, "http_version")

-- request_in_quotes is the same inside quotes, whose own quotes are escaped.
local quoted = (l.P "\\" * 1 + (1 - l.S ' "\\')) ^ 1
request_in_quotes = l.Cg(l.R "AZ" ^ 3, "http_method") * " " * l.Cg(quoted, "http_url") * " HTTP/"
    * l.Cg(l.digit * (l.P "." * l.digit) ^ -1, "http_version")

-- request_within is the same in a text of such characters; url names the group of
-- the path.
function request_within(char, url)
    return l.Cg(l.R "AZ" ^ 3, "http_method") * l.space * l.Cg((char - l.space) ^ 1, url or "http_url") * l.space
        * "HTTP/" * l.Cg(l.digit * (l.P "." * l.digit) ^ -1, "http_version")
end

local request_line = l.Ct(request)

-- split parses a request line; nil when it is none.
function split(text)
    return text and request_line:match(text)
end

local blanks = l.space ^ 1

-- openstack_answer is a quoted request followed by status, size and time, as
-- OpenStack's services write them.
openstack_answer = l.P '"' * request * '"' * blanks
    * l.P "status: " ^ -1 * l.Cg(l.digit ^ 3, "http_status") * blanks
    * l.P "len: " ^ -1 * l.Cg(l.digit ^ 1, "http_response_size") * blanks
    * l.P "time: " ^ -1 * l.Cg(l.digit ^ 1 * (l.P "." * l.digit ^ 0) ^ -1, "http_response_time")

local word = l.alnum + "."
local lone_address = ip.v4 * -(l.digit + l.P "." * l.digit)

-- first_address goes to the first IPv4 address in a text, and captures it as name.
-- Behind a word that is none, words without a dot are passed over at once.
function first_address(name)
    return (1 - word) ^ 0 * l.P { l.Cg(lone_address, name)
        + word ^ 0 * (1 - word) ^ 1 * ((1 - l.S " .") ^ 0 * " ") ^ 0 * (1 - word) ^ 0 * l.V(1) }
end

-- address_within matches a text of such characters that holds an IPv4 address.
function address_within(char)
    return l.P { lone_address
        + word ^ 0 * (char - word) ^ 1 * l.V(1) }
end

-- copy moves the request's parts from m into fields, which may have been used
-- before: absent ones are removed.
function copy(m, fields)
    fields.http_method = m and m.http_method
    fields.http_url = m and m.http_url
    fields.http_version = m and m.http_version
end

local factor = { us = 1e6, ms = 1e3, s = 1 }

-- seconds converts a duration {value, representation} of an access log.
function seconds(duration)
    return duration and duration.value / factor[duration.representation]
end

-- version strips "HTTP/" from a protocol.
function version(protocol)
    local text = protocol and string.gsub(protocol, "^HTTP/", "")
    return text
end

return M
