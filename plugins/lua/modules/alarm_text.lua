-- The human text of alarms.
local string = require "string"
local ipairs = ipairs
local pairs = pairs
local table = require "table"
local tonumber = tonumber
local tostring = tostring
local type = type

local M = {}
setfenv(1, M)

local function metric_of(alarm)
    local names, parts = {}, {}
    if type(alarm.fields) == "table" then
        for name in pairs(alarm.fields) do names[#names + 1] = tostring(name) end
    end
    table.sort(names)
    for _, name in ipairs(names) do
        parts[#parts + 1] = string.format('%s="%s"', name, tostring(alarm.fields[name]))
    end
    local metric = tostring(alarm.metric or "")
    if not parts[1] then return metric end
    return metric .. "[" .. table.concat(parts, ",") .. "]"
end

-- line returns the text of one alarm:
--   MESSAGE (SEVERITY, rule='FUNCTION(METRIC)OPERATOR THRESHOLD', current=V.VV, host=H)
-- without a blank between operator and threshold.
function line(alarm)
    local value = tonumber(alarm.value)
    return string.format("%s (%s, rule='%s(%s)%s%s', current=%s%s)",
        tostring(alarm.message or ""), tostring(alarm.severity or ""), tostring(alarm["function"] or ""),
        metric_of(alarm), tostring(alarm.operator or ""), tostring(alarm.threshold or ""),
        value and string.format("%.2f", value) or tostring(alarm.value or ""),
        alarm.hostname and ", host=" .. tostring(alarm.hostname) or "")
end

-- lines returns the texts of alarms; hints follow after a line of their own.
function lines(alarms)
    local list, hints = {}, {}
    for _, alarm in ipairs(alarms) do
        if type(alarm) == "table" then
            local hint = type(alarm.tags) == "table" and alarm.tags.dependency_level == "hint"
            local target = hint and hints or list
            target[#target + 1] = line(alarm)
        end
    end
    if hints[1] then list[#list + 1] = "Other related alarms:" end
    for _, text in ipairs(hints) do list[#list + 1] = text end
    return list
end

return M
