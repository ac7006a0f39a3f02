-- Metrics emitted by filters: single messages, and bulk messages whose payload
-- is a JSON array of points.
local cjson = require "cjson"
local time = require "log_time"
local tags = require("extra_fields").tags

local M = {}

-- add_tags adds the common tags that fields does not have.
function M.add_tags(fields)
    for name, value in pairs(tags) do
        if fields[name] == nil then fields[name] = value end
    end
end

local function inject(msg)
    M.add_tags(msg.Fields)
    msg.Timestamp = time.exact(msg.Timestamp)
    local ok, err = pcall(inject_message, msg)
    if ok then return 0 end
    return -1, err
end

-- send emits one message of severity 6; kind is metric or multivalue_metric.
function M.send(kind, ns, fields)
    return inject({ Type = kind, Timestamp = ns, Severity = 6, Fields = fields })
end

-- a bulk with log lines that is longer goes without them: the numbers come first
local longest_with_lines = 48 * 1024

local function encode(points)
    local ok, text = pcall(cjson.encode, points)
    if not ok or #text <= longest_with_lines then return ok, text end
    for _, point in ipairs(points) do point.log_lines = nil end
    return pcall(cjson.encode, points)
end

-- bulk emits points as one message. An empty list emits nothing.
function M.bulk(points, ns, hostname, source, kind)
    if not points[1] then return 0 end
    local ok, text = encode(points)
    if not ok then return -1, text end
    return inject({
        Type = "bulk_metric",
        Timestamp = ns,
        Severity = 6,
        Payload = text,
        Fields = { hostname = hostname, source = source, type = kind or "gauge" },
    })
end

-- bool reads an option that may be a boolean, a number or a text.
function M.bool(value, default)
    if type(value) == "boolean" then return value end
    if type(value) == "number" then return value > 0 end
    if type(value) == "string" then return string.lower(value) == "true" end
    return default
end

return M
