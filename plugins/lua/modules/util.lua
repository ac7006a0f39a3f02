-- Small table tools.
local cjson = require "cjson"
local string = require "string"
local pairs = pairs
local type = type

local M = {}
setfenv(1, M)

local function depth_of(key, char)
    local count, at = 1, string.find(key, char, 1, true)
    while at do
        count, at = count + 1, string.find(key, char, at + #char, true)
    end
    return count
end

-- table_to_fields flattens t into fields: nested keys are joined with char
-- (default "."), below max_depth a table is kept as its JSON text. Userdata are
-- left out.
function table_to_fields(t, fields, parent, char, max_depth)
    if type(char) ~= "string" then char = "." end
    for k, v in pairs(t) do
        local key = k
        if parent then key = string.format("%s%s%s", parent, char, k) end
        if type(v) == "table" then
            if type(max_depth) == "number" and depth_of(key .. "", char) >= max_depth then
                fields[key] = cjson.encode(v)
            else
                table_to_fields(v, fields, key, char, max_depth)
            end
        elseif type(v) ~= "userdata" then
            fields[key] = v
        end
    end
end

-- behead_array removes the elements in front of position idx, in place.
function behead_array(idx, array)
    if idx <= 1 then return end
    local len, gone = #array, idx - 1
    for i = 1, len do array[i] = array[i + gone] end
end

return M
