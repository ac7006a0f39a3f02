-- UUIDs.
local l = require "lpeg"
l.locale(l)
local string = require "string"
local type = type

local M = {}
setfenv(1, M)

local x4 = l.xdigit * l.xdigit * l.xdigit * l.xdigit
local x8, x12 = x4 * x4, x4 * x4 * x4
local dashed = x8 * "-" * x4 * "-" * x4 * "-" * x4 * "-" * x12
local bare = x8 * x4 * x4 * x4 * x12

local function dash(text)
    return string.sub(text, 1, 8) .. "-" .. string.sub(text, 9, 12) .. "-" .. string.sub(text, 13, 16) .. "-"
        .. string.sub(text, 17, 20) .. "-" .. string.sub(text, 21)
end

-- uuid yields a UUID with its dashes; it may be written without them.
uuid = (l.C(dashed) + bare / dash) * -(l.alnum + l.S "-_")

local whole = uuid * -1

-- dashed_uuid returns a UUID with its dashes; nil for anything else.
function dashed_uuid(text)
    if type(text) ~= "string" then return nil end
    return whole:match(text)
end

return M
