-- Access logs of services behind Apache, in any LogFormat. A format without a
-- directive is a nickname (vhost_combined): its lines pass unparsed.
local l = require "lpeg"
l.locale(l)
local apache = require "log_apache"
local string = require "string"

local M = {}
setfenv(1, M)

local function named(name)
    return function(patt) return l.Cg(patt, name) end
end

-- wanted makes the patterns of the directives that are wanted. A request line counts
-- more than its parts, microseconds more than seconds.
local function wanted(forwarded_only)
    return {
        remote_addr = function() return not forwarded_only and apache.host_of "client" or nil end,
        http_x_forwarded_for = function(_, char) return apache.forwarded(char) end,
        status = named "http_status",
        microseconds = named "microseconds",
        milliseconds = named "milliseconds",
        seconds = named "seconds",
        time = named "Timestamp",
        moment = named "Timestamp",
        fraction = named "TimestampFraction",
        request = function(_, char, _, quoted) return apache.request(char, quoted, char ^ 0) end,
        request_method = named "_method",
        server_protocol = function() return l.P "HTTP/" * l.Cg(l.digit ^ 1 * "." * l.digit ^ 1, "_version") end,
        uri = function(patt, _, has)
            return has.request_method and l.Cg(patt, has.query_string and "_path" or "_url") or nil
        end,
        query_string = function(patt, _, has)
            return has.request_method and has.uri and l.Cg(l.Cb "_path" * l.C(patt) / "%1%2", "_url") or nil
        end,
    }
end

-- new returns the globals of a decoder: grammar, captures, types. forwarded_only
-- leaves the client out unless a proxy named it.
function new(pattern, forwarded_only)
    local captures = {
        microseconds = { to = "http_response_time", type = "number", divide = 1e6 },
        seconds = { to = "http_response_time", type = "number", weak = true },
        milliseconds = { to = "http_response_time", type = "number", divide = 1e3, weak = true },
        _method = { to = "http_method", weak = true },
        _url = { to = "http_url", weak = true },
        _version = { to = "http_version", weak = true },
    }
    apache.hosts(captures, "client", "http_client_ip_address", true)
    local grammar = l.P(true)
    if string.find(pattern, "%", 1, true) then
        local take = wanted(forwarded_only)
        grammar = apache.build(pattern, function(name, ...)
            return take[name] and take[name](...)
        end)
    end
    return grammar, captures, { http_status = "number" }
end

return M
