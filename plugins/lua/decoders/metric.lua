-- Metrics from another collector. A bulk message is split into its points; any
-- other message passes with the common tags added.
local json = require "json_text"
local record = require "log_record"
local time = require "log_time"

local scalar = { string = true, number = true, boolean = true }

-- add_tags copies a point's tags into fields and returns their names, sorted.
local function add_tags(tags, fields)
    local names = {}
    for name, value in pairs(tags) do
        if type(name) == "string" and scalar[type(value)] then
            fields[name] = value
            names[#names + 1] = name
        end
    end
    table.sort(names)
    return names[1] and names
end

-- add_values copies a point's values into fields and returns the message type,
-- nil when there is no value.
local function add_values(point, fields)
    if scalar[type(point.value)] then
        fields.value = point.value
        return "metric"
    end
    if type(point.values) ~= "table" then return nil end
    local names = {}
    for name, value in pairs(point.values) do
        if type(name) == "string" and scalar[type(value)] then
            fields[name] = value
            names[#names + 1] = name
        end
    end
    if not names[1] then return nil end
    table.sort(names)
    fields.value_fields = names
    return "multivalue_metric"
end

-- lines returns the log lines that a point of a log's metric carries, if any.
local function lines(point)
    local texts = {}
    for _, text in ipairs(type(point.log_lines) == "table" and point.log_lines or {}) do
        if type(text) == "string" then texts[#texts + 1] = record.text(text) end
    end
    return texts[1] and texts
end

local function split(point, msg, now)
    if type(point) ~= "table" or type(point.name) ~= "string" then return -1, "a point of the bulk has no name" end
    local fields = {}
    if type(point.tags) == "table" then fields.tag_fields = add_tags(point.tags, fields) end
    msg.Type = add_values(point, fields)
    if not msg.Type then return -1, "point " .. point.name .. " of the bulk has no value" end
    fields.name = point.name
    fields.log_lines = lines(point) or fields.log_lines
    msg.Timestamp = tonumber(point.timestamp) or now
    msg.Fields = fields
    return record.emit(msg, true)
end

local function bulk()
    local points, err = json.decode(record.payload())
    if type(points) ~= "table" then return -1, "cannot decode the bulk's points: " .. tostring(err or "no array") end
    local now = read_message("Timestamp")
    local msg = {
        Hostname = read_message("Hostname"),
        Logger = read_message("Logger"),
        Severity = read_message("Severity"),
        Payload = "",
    }
    local good, code = 0, 0
    for _, point in ipairs(points) do
        code, err = split(point, msg, now)
        if code == 0 then good = good + 1 end
    end
    -- one bad point must not cost the others
    if good == 0 and code ~= 0 then return code, err end
    return 0
end

local function single()
    local msg = decode_message(read_message("raw"))
    local list, have = msg.Fields or {}, {}
    for _, field in ipairs(list) do have[field.name] = true end
    local wanted = {}
    record.add_tags(wanted)
    for name, value in pairs(wanted) do
        if not have[name] then list[#list + 1] = { name = name, value = value } end
    end
    for _, field in ipairs(list) do
        for i, value in ipairs(field.value_type ~= 1 and type(field.value) == "table" and field.value or {}) do
            if type(value) == "string" then field.value[i] = record.text(value) end
        end
    end
    msg.Fields = list[1] and list
    msg.Payload = msg.Payload and record.text(msg.Payload)
    msg.Type = msg.Type and string.gsub(msg.Type, "^heka%.sandbox%.", "")
    msg.Timestamp = time.exact(msg.Timestamp)
    timezone_aware = true
    local ok, err = pcall(inject_message, msg)
    if ok then return 0 end
    return -1, err
end

function process_message()
    if string.find(read_message("Type"), "bulk_metric$") then return bulk() end
    return single()
end
