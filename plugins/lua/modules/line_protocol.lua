-- Points in InfluxDB's line protocol.
local math = require "math"
local string = require "string"
local ipairs = ipairs
local pairs = pairs
local setmetatable = setmetatable
local table = require "table"
local tonumber = tonumber
local tostring = tostring
local type = type

local M = {}
M.__index = M
setfenv(1, M)

-- in microseconds: a number holds today's nanoseconds only to 256
local divisors = { u = 1, us = 1, ms = 1e3, s = 1e6, m = 60e6, h = 3600e6 }

-- new makes an encoder; precision is ns (default), u, ms, s, m or h.
function new(precision)
    return setmetatable({ divisor = divisors[precision] }, M)
end

-- escape makes a name or tag value safe: quotes are removed, line ends are
-- blanks, a backslash at the end, which would escape what follows, goes.
function escape(value, keep_quotes)
    local text = tostring(value)
    if not string.find(text, "[ ,='\"\\\r\n]") then return text end
    text = string.gsub(string.gsub(text, "'", ""), "[\r\n]+", " ")
    if not keep_quotes then text = string.gsub(text, '"', "") end
    text = string.gsub(string.gsub(text, "\\+$", ""), "([ ,=])", "\\%1")
    return text
end

-- quoted writes a text; backslashes are doubled only where they would escape.
local function quoted(value)
    if not string.find(value, '["\\\r\n]') then return '"' .. value .. '"' end
    local text = string.gsub(value, "[\r\n]+", " ")
    text = string.gsub(text, '(\\*)"', '%1%1\\"')
    text = string.gsub(text, "(\\+)$", "%1%1")
    return '"' .. text .. '"'
end

-- number writes six decimals; a number that is too small for them is written
-- with as many digits as it takes. nil for what the protocol cannot hold.
function number(value)
    if value ~= value or value == math.huge or value == -math.huge then return nil end
    local text = string.format("%.6f", value)
    if #text < 40 and math.abs(tonumber(text) - value) <= math.abs(value) * 1e-4 then return text end
    for digits = 15, 16 do
        text = string.format("%." .. digits .. "g", value)
        if tonumber(text) == value then return text end
    end
    return string.format("%.17g", value)
end

-- scalar writes one value, nil when it cannot be written.
function scalar(value)
    local kind = type(value)
    if kind == "number" then return number(value) end
    if kind == "string" then return quoted(value) end
    if kind == "boolean" then return tostring(value) end
end

local function sorted_names(t)
    local names = {}
    for name in pairs(t) do
        if type(name) == "string" then names[#names + 1] = name end
    end
    table.sort(names)
    return names
end

-- fields_of writes the values: one is called value, of several each has a name.
local function fields_of(value, order)
    if type(value) ~= "table" then
        local text = scalar(value)
        return text and "value=" .. text
    end
    local parts = {}
    for _, name in ipairs(order or sorted_names(value)) do
        local text = scalar(value[name])
        if text and name ~= "" then parts[#parts + 1] = escape(name, true) .. "=" .. text end
    end
    return parts[1] and table.concat(parts, ",")
end

local function tags_of(tags)
    local parts = {}
    for name, value in pairs(tags) do
        local kind = type(value)
        if kind ~= "table" and kind ~= "userdata" then
            local key, text = escape(name), escape(value)
            if key ~= "" and text ~= "" then parts[#parts + 1] = key .. "=" .. text end
        end
    end
    table.sort(parts)
    return table.concat(parts, ",")
end

-- encode writes a point; nil when it has no time, no name or no value that can be
-- written. order, if given, names the values of a table in their order.
function M:encode(ns, name, value, tags, order)
    if type(ns) ~= "number" or type(name) ~= "string" then return nil end
    local measurement, fields = escape(name), fields_of(value, order)
    if measurement == "" or not fields then return nil end
    local set = tags and tags_of(tags) or ""
    if set ~= "" then measurement = measurement .. "," .. set end
    local us = math.floor(ns / 1e3 + 0.5)
    if not self.divisor then return string.format("%s %s %.0f000", measurement, fields, us) end
    return string.format("%s %s %.0f", measurement, fields, math.floor(us / self.divisor))
end

return M
