-- Ceilometer's samples, for the metering decoder. Options: flush_count (samples
-- in one message, 500), metadata_fields (dotted paths of a sample's metadata
-- that become tags: a list, or a text with blanks between them), decode_resources (a message about the resources too).
--
-- Values are passed on as they stand in the sample's JSON, so that numbers keep
-- all their digits.
local identifier = require "identifier"
local json = require "json_text"
local math = require "math"
local string = require "string"
local table = require "table"
local time = require "log_time"
local inject_message = inject_message
local ipairs = ipairs
local pairs = pairs
local pcall = pcall
local read_config = read_config
local tonumber = tonumber
local type = type

local flush_count = tonumber(read_config("flush_count")) or 500
local with_resources = read_config("decode_resources") or false
local metadata_fields = {}
local wanted_fields = read_config("metadata_fields") or ""
if type(wanted_fields) == "table" then wanted_fields = table.concat(wanted_fields, " ") end
for path in string.gmatch(wanted_fields, "%S+") do metadata_fields[#metadata_fields + 1] = path end

local M = {}
setfenv(1, M)

local function is_text(raw) return raw and string.sub(raw, 1, 1) == '"' end

-- value returns the Lua value of a member's text.
local function value(raw)
    if not raw then return nil end
    if is_text(raw) and not string.find(raw, "\\", 1, true) then return string.sub(raw, 2, -2) end
    local list = json.decode("[" .. raw .. "]")
    return list and list[1]
end

-- remembered makes f keep its last result: neighbouring samples share times,
-- projects and metadata.
local function remembered(f)
    local last, result
    return function(raw)
        if raw ~= last then last, result = raw, f(raw) end
        return result
    end
end

-- object joins pairs {name as JSON, JSON text} whose text is there and is not null.
local function object(list)
    local parts = {}
    for _, pair in ipairs(list) do
        if pair[2] and pair[2] ~= "null" then parts[#parts + 1] = pair[1] .. ":" .. pair[2] end
    end
    return "{" .. table.concat(parts, ",") .. "}"
end

-- nanoseconds prints a sample's time exactly; a number of that size would not.
local nanoseconds = remembered(function(raw)
    local text = is_text(raw) and value(raw)
    local ns = text and time.parse(text)
    if not ns then return nil end
    local frac = string.match(text, "%.(%d+)") or ""
    return string.format("%d", math.floor(ns / 1e9)) .. string.sub(frac .. "000000000", 1, 9)
end)

local date = remembered(function(raw)
    local text = is_text(raw) and time.canonical(value(raw))
    return text and json.quote(text)
end)

local uuid = remembered(function(raw)
    local text = is_text(raw) and identifier.dashed_uuid(value(raw))
    return text and json.quote(text)
end)

local transforms = {
    created_at = date, launched_at = date, deleted_at = date, terminated_at = date, user_id = uuid, project_id = uuid,
}

local function scalar(raw)
    local first = raw and string.sub(raw, 1, 1)
    if not first or first == "{" or first == "[" then return nil end
    return raw
end

local members_of = remembered(function(raw) return raw and json.members(raw) end)

-- at follows a dotted path; a name that holds the dots itself counts too.
local function at(members, path)
    if not members then return nil end
    if members[path] then return members[path] end
    local name, rest = string.match(path, "^([^.]+)%.(.+)$")
    if name then return at(members[name] and json.members(members[name]), rest) end
end

local function point(s)
    local tags = {
        { '"meter"', s.counter_name }, { '"resource_id"', s.resource_id }, { '"project_id"', s.project_id },
        { '"user_id"', s.user_id }, { '"source"', s.source },
    }
    local metadata = metadata_fields[1] and members_of(s.resource_metadata)
    for _, path in ipairs(metadata_fields) do
        local raw = scalar(at(metadata, path))
        if raw and transforms[path] then raw = transforms[path](raw) end
        tags[#tags + 1] = { json.quote("metadata." .. path), raw }
    end
    return object {
        { '"name"', '"sample"' },
        { '"timestamp"', nanoseconds(s.timestamp) },
        { '"values"', object {
            { '"value"', s.counter_volume }, { '"message_id"', s.message_id }, { '"recorded_at"', s.recorded_at },
            { '"timestamp"', s.timestamp }, { '"message_signature"', s.message_signature or s.signature },
            { '"type"', s.counter_type }, { '"unit"', s.counter_unit },
        } },
        { '"tags"', object(tags) },
    }
end

local metadata_of = remembered(function(raw)
    local list = {}
    for name, part in pairs(raw and json.members(raw) or {}) do
        if part ~= '""' then
            if transforms[name] then part = transforms[name](part) end
            list[#list + 1] = { json.quote(name), part }
        end
    end
    table.sort(list, function(a, b) return a[1] < b[1] end)
    return object(list)
end)

-- merge adds a sample to its resource: its meter, and the newest sample's data.
local function merge(resources, s)
    local id = value(s.resource_id)
    if type(id) ~= "string" then return end
    local r = resources[id]
    if not r then
        r = { id = id, meters = {} }
        resources[id] = r
        resources[#resources + 1] = r
    end
    local meter = value(s.counter_name)
    if type(meter) == "string" then
        r.meters[#r.meters + 1] = { s.counter_name, object { { '"type"', s.counter_type }, { '"unit"', s.counter_unit } } }
    end
    local stamp = nanoseconds(s.timestamp) or ""
    if not r.newest or stamp >= r.stamp then r.newest, r.stamp = s, stamp end
end

local function resource_text(r)
    local s, meters, at_name = r.newest, {}, {}
    for _, pair in ipairs(r.meters) do
        if not at_name[pair[1]] then meters[#meters + 1] = pair end
        at_name[pair[1]] = true
    end
    return object {
        { '"timestamp"', date(s.timestamp) }, { '"resource_id"', s.resource_id }, { '"source"', s.source or '""' },
        { '"metadata"', metadata_of(s.resource_metadata) }, { '"user_id"', s.user_id }, { '"project_id"', s.project_id },
        { '"meter"', object(meters) },
    }
end

local function emit(kind, payload, ns)
    local ok, err = pcall(inject_message, { Type = kind, Payload = payload, Timestamp = time.exact(ns) })
    if ok then return 0 end
    return -1, err
end

-- emit_list emits list[from] to list[to], joined by render, as one message, or as
-- several when that is beyond the sandbox's output limit.
local function emit_list(kind, list, from, to, render, ns)
    local code, err = emit(kind, render(list, from, to), ns)
    if code == 0 or from == to then return code, err end
    local middle = math.floor((from + to) / 2)
    code, err = emit_list(kind, list, from, middle, render, ns)
    if code ~= 0 then return code, err end
    return emit_list(kind, list, middle + 1, to, render, ns)
end

local function array(list, from, to)
    return "[" .. table.concat(list, ",", from, to) .. "]"
end

local function map(list, from, to)
    return "{" .. table.concat(list, ",", from, to) .. "}"
end

local function emit_batch(points, resources, ns)
    local code, err = emit_list("ceilometer_samples", points, 1, #points, array, ns)
    if code ~= 0 or not with_resources or not resources[1] then return code, err end
    local texts = {}
    for i, r in ipairs(resources) do texts[i] = json.quote(r.id) .. ":" .. resource_text(r) end
    return emit_list("ceilometer_resources", texts, 1, #texts, map, ns)
end

local function message_of(data)
    local envelope = json.decode(data)
    if type(envelope) ~= "table" then return nil, "cannot decode the payload" end
    if envelope["oslo.message"] == nil and type(envelope.payload) == "table" then
        return json.members(data), "the message is no object"
    end
    local text = envelope["oslo.message"]
    if type(text) ~= "string" or type((json.decode(text))) ~= "table" then
        return nil, "cannot decode oslo.message in the payload"
    end
    return json.members(text), "oslo.message is no object"
end

-- decode emits the samples of a message, in an oslo envelope or without one, in
-- batches.
function decode(data)
    local message, wrong = message_of(data)
    if not message then return -1, wrong end
    local list = message.payload and json.elements(message.payload)
    if not list then return -1, "the message holds no samples" end
    local sent = is_text(message.timestamp) and time.parse(value(message.timestamp)) or nil
    local points, resources = {}, {}
    for i, text in ipairs(list) do
        local sample = json.members(text)
        if sample then
            points[#points + 1] = point(sample)
            merge(resources, sample)
        end
        if points[1] and (#points >= flush_count or i == #list) then
            local code, err = emit_batch(points, resources, sent)
            if code ~= 0 then return code, err end
            points, resources = {}, {}
        end
    end
    return 0
end

return M
