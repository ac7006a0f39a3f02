-- Carbon lines and InfluxDB line protocol from a whole message: each field is a
-- point, headers and chosen fields are tags.
local decode_message = decode_message
local read_message = read_message
local interpolate = require "msg_interpolate"
local field_util = require "field_util"
local ipairs = ipairs
local pairs = pairs
local string = require "string"
local table = require "table"
local tostring = tostring
local type = type

local M = {}
setfenv(1, M)

local number_format = "%.6f"

local function escaped(value)
    local text = string.gsub(tostring(value), "([ ,])", "\\%1")
    return text
end

local function header_tags(config)
    local tags = {}
    if config.carbon_format then return tags end
    for name in pairs(field_util.base_fields_tag_list) do
        if config.tag_fields_all or config.tag_fields_all_base
            or config.used_tag_fields and config.used_tag_fields[name] then
            tags[#tags + 1] = escaped(name) .. "=" .. escaped(read_message(name))
        end
    end
    return tags
end

local function is_tag(config, name)
    if config.carbon_format then return config.used_tag_fields and config.used_tag_fields[name] end
    return config.tag_fields_all or config.used_tag_fields and config.used_tag_fields[name]
end

-- collect returns the points, by name, and the tags of the current message.
local function collect(config)
    local prefix, delimiter = config.name_prefix or "", config.name_prefix_delimiter or ""
    if config.interp_name_prefix then prefix = interpolate.interpolate_from_msg(prefix) end
    local points, tags, seen = {}, header_tags(config), {}

    local function add(name, label, value)
        if is_tag(config, name) then tags[#tags + 1] = escaped(label) .. "=" .. escaped(value) end
        if config.source_value_field then
            if name == config.source_value_field then points[prefix] = value end
        elseif not config.skip_fields_str or config.skip_fields and not config.skip_fields[name] then
            points[prefix .. delimiter .. label] = value
        end
    end

    for _, field in ipairs(decode_message(read_message("raw")).Fields or {}) do
        local name = field.name
        if config.carbon_format then name = string.gsub(name, "[^%w]", "_") end
        local label, nth = name, seen[name] or 0
        seen[name] = nth + 1
        if nth > 0 then label = string.format("%s_fidx_%d", label, nth) end
        for i, value in ipairs(field.value) do
            if i > 1 then label = string.format("%s_vidx_%d", label, i - 1) end
            add(name, label, value)
        end
    end
    return points, tags
end

-- carbon_line_msg returns an array of lines "name value time", numbers only.
function carbon_line_msg(config)
    local time, lines = field_util.message_timestamp(config.timestamp_precision), {}
    for name, value in pairs((collect(config))) do
        value = tostring(value)
        if string.find(value, "^[%d.]+$") then lines[#lines + 1] = string.format("%s %s %s", name, value, time) end
    end
    return lines
end

-- influxdb_line_msg returns an array of lines of InfluxDB's protocol.
function influxdb_line_msg(config)
    local time, lines = field_util.message_timestamp(config.timestamp_precision), {}
    local points, tags = collect(config)
    for name, value in pairs(points) do
        if type(value) == "string" then
            value = '"' .. string.gsub(value, '"', '\\"') .. '"'
        elseif type(value) == "number" then
            value = string.format(number_format, value)
        end
        local series = escaped(name)
        if #tags > 0 then series = series .. "," .. table.concat(tags, ",") end
        lines[#lines + 1] = string.format("%s %s=%s %d", series, config.value_field_key, tostring(value), time)
    end
    return lines
end

-- set_config completes a client's options and sets the number format. It comes
-- before the other functions, which take what it returns.
function set_config(client_config)
    local config = {
        carbon_format = false,
        decimal_precision = "6",
        name_prefix = false,
        name_prefix_delimiter = false,
        skip_fields_str = false,
        source_value_field = false,
        tag_fields_str = "**all_base**",
        timestamp_precision = "ms",
        value_field_key = "value",
    }
    for option in pairs(config) do
        if client_config[option] then config[option] = client_config[option] end
    end
    number_format = "%." .. config.decimal_precision .. "f"
    if config.skip_fields_str then
        config.skip_fields, config.skip_fields_all_base = field_util.field_map(client_config.skip_fields_str)
        config.used_base_fields = field_util.used_base_fields(config.skip_fields)
    end
    if config.tag_fields_str then
        config.used_tag_fields, config.tag_fields_all_base, config.tag_fields_all =
            field_util.field_map(client_config.tag_fields_str)
    end
    config.interp_name_prefix = config.name_prefix and string.find(config.name_prefix, "%%{[%w%p]-}") ~= nil
    return config
end

return M
