-- UUIDs.
local l = require "lpeg"
l.locale(l)
local type = type

local M = {}
setfenv(1, M)

local x4 = l.xdigit * l.xdigit * l.xdigit * l.xdigit
local x8, x12 = x4 * x4, x4 * x4 * x4
local dashed = l.C(x8 * "-" * x4 * "-" * x4 * "-" * x4 * "-" * x12)
local bare = l.C(x8) * l.C(x4) * l.C(x4) * l.C(x4) * l.C(x12) / "%1-%2-%3-%4-%5"

-- uuid yields a UUID with its dashes; it may be written without them.
uuid = (dashed + bare) * -(l.alnum + l.S "-_")

-- digits matches what uuid matches and yields nothing: for a group whose type is
-- uuid, which gets its dashes from the engine.
digits = x8 * ("-" * x4 * "-" * x4 * "-" * x4 * "-" * x12 + x12 * x12) * -(l.alnum + l.S "-_")

local whole = uuid * -1

-- dashed_uuid returns a UUID with its dashes; nil for anything else.
function dashed_uuid(text)
    if type(text) ~= "string" then return nil end
    return whole:match(text)
end

return M
