-- Selections of message headers and fields.
local math = require "math"
local string = require "string"
local pairs = pairs
local read_message = read_message

local M = {}
setfenv(1, M)

base_fields_list = {
    EnvVersion = true,
    Hostname = true,
    Logger = true,
    Payload = true,
    Pid = true,
    Severity = true,
    Type = true,
}

base_fields_tag_list = {
    Hostname = true,
    Logger = true,
    Severity = true,
    Type = true,
}

-- field_map turns a blank-separated list into a set. "**all_base**" and "**all**"
-- add the headers. Returns the set, whether all headers are meant (true for an
-- empty list, which means them), and whether all fields are.
function field_map(list)
    if not list or list == "" then return base_fields_list, true, false end
    local set = {}
    for name in string.gmatch(list, "%S+") do set[name] = true end
    local all_base, all = set["**all_base**"] or false, set["**all**"] or false
    if all_base or all then
        for name in pairs(base_fields_list) do set[name] = true end
    end
    return set, all_base, all
end

local divisors = { h = 3600e9, m = 60e9, s = 1e9 }

-- message_timestamp is the current message's time in h, m, s or, by default, ms.
function message_timestamp(precision)
    return math.floor(read_message("Timestamp") / (divisors[precision] or 1e6))
end

-- used_base_fields is the set of headers that are in skip_fields.
function used_base_fields(skip_fields)
    local set = {}
    for name in pairs(base_fields_list) do
        if skip_fields and skip_fields[name] then set[name] = true end
    end
    return set
end

return M
