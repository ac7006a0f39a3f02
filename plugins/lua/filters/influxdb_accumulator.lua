-- Collects metrics as lines of InfluxDB's protocol and emits them in batches.
-- Options: flush_count (more points than this are emitted at once, 100),
-- flush_interval (s, 5), time_precision (ns), payload_name (influxdb),
-- bulk_metric_type_matcher (bulk_metric$), tag_fields (fields of every message
-- that become tags, separated by blanks).
local json = require "json_text"
local line_protocol = require "line_protocol"

local flush_count = tonumber(read_config("flush_count")) or 100
local flush_interval = tonumber(read_config("flush_interval")) or 5
local payload_name = read_config("payload_name") or "influxdb"
local bulk_matcher = read_config("bulk_metric_type_matcher") or "bulk_metric$"
local encoder = line_protocol.new(read_config("time_precision"))

local common = {}
for name in string.gmatch(read_config("tag_fields") or "", "%S+") do
    common[#common + 1] = { name = name, field = "Fields[" .. name .. "]" }
end

-- one batch stays below the sandbox's output limit
local largest_batch = 56 * 1024
-- so many batches are held at most; then the oldest goes, and is counted
local most_batches = 64

local lines, size = {}, 0 -- the batch that grows
local ready, counts = {}, {} -- full batches and their points
local last_flush = os.time() * 1e9
points_dropped, points_invalid = 0, 0

local function seal()
    if not lines[1] then return end
    lines[#lines + 1] = ""
    counts[#counts + 1] = #lines - 1
    ready[#ready + 1] = table.concat(lines, "\n")
    lines, size = {}, 0
    if #ready > most_batches then
        points_dropped = points_dropped + table.remove(counts, 1)
        table.remove(ready, 1)
    end
end

local function append(line)
    if not line then
        points_invalid = points_invalid + 1
        return
    end
    if size + #line + 1 > largest_batch then seal() end
    lines[#lines + 1] = line
    size = size + #line + 1
end

-- emit sends full batches until the host refuses: it allows one a message.
local function emit(most)
    while ready[1] and most > 0 do
        if not pcall(inject_payload, "txt", payload_name, ready[1]) then return end
        table.remove(ready, 1)
        table.remove(counts, 1)
        most = most - 1
    end
end

local function common_tags()
    local tags = {}
    for _, c in ipairs(common) do tags[c.name] = read_message(c.field) end
    return tags
end

-- listed returns the values of the fields a list field names, and their names in
-- order; the list may name fields that do not exist.
local function listed(list, into)
    local names, i = {}, 0
    local name = read_message(list, 0, 0)
    while name do
        local value = read_message("Fields[" .. tostring(name) .. "]")
        if value ~= nil then
            into[name] = value
            names[#names + 1] = name
        end
        i = i + 1
        name = read_message(list, 0, i)
    end
    return names
end

local function single()
    local name = read_message("Fields[name]")
    if not name then return -1, "Fields[name] is missing" end
    local value, order = read_message("Fields[value]"), nil
    if read_message("Fields[value_fields]") then
        value = {}
        order = listed("Fields[value_fields]", value)
        if not order[1] then return -1, "Fields[value_fields] names no field that exists" end
    elseif value == nil then
        return -1, "Fields[value] is missing"
    end
    local tags = common_tags()
    listed("Fields[tag_fields]", tags)
    append(encoder:encode(read_message("Timestamp"), name, value, tags, order))
    return 0
end

-- Bulks wait here while more points came than one call may handle.
local backlog, waiting = {}, 0
local points_a_call, most_waiting = 1200, 1000

local function add_point(point, b)
    if type(point) ~= "table" then return append(nil) end
    local tags = type(point.tags) == "table" and point.tags or {}
    for name, value in pairs(b.shared) do
        if tags[name] == nil then tags[name] = value end
    end
    local value = point.value
    if value == nil then value = point.values end
    append(encoder:encode(tonumber(point.timestamp) or b.time, point.name, value, tags))
end

-- work handles as many waiting points as one call may.
local function work()
    local left = points_a_call
    while backlog[1] and left > 0 do
        local b = backlog[1]
        local to = math.min(#b.points, b.done + left)
        for i = b.done + 1, to do add_point(b.points[i], b) end
        left = left - (to - b.done)
        waiting = waiting - (to - b.done)
        b.done = to
        if b.done == #b.points then table.remove(backlog, 1) end
    end
end

local function bulk()
    local points, err = json.decode(read_message("Payload"))
    if type(points) ~= "table" then return -1, "cannot decode the bulk's points: " .. tostring(err or "no array") end
    if waiting > most_waiting then
        points_dropped = points_dropped + #points
        work()
        return -1, "more points come than can be handled"
    end
    waiting = waiting + #points
    backlog[#backlog + 1] = { points = points, done = 0, shared = common_tags(), time = read_message("Timestamp") }
    work()
    return 0
end

function process_message()
    -- what the messages before have filled goes first
    if #lines > flush_count then
        seal()
        last_flush = os.time() * 1e9
    end
    emit(1)
    if string.find(read_message("Type"), bulk_matcher) then return bulk() end
    return single()
end

function timer_event(ns)
    work()
    if #lines > flush_count or ns - last_flush > flush_interval * 1e9 then
        seal()
        last_flush = ns
    end
    emit(10)
end
