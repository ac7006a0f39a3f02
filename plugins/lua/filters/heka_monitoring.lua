-- Metrics of the daemon itself, from its report (a JSON object with arrays
-- "decoders" and "filters").
local json = require "json_text"
local metric = require "metric_message"

local kinds = { { "decoders", "decoder" }, { "filters", "filter" } }

local measures = {
    { "ProcessMessageCount", "hekad_msg_count" },
    { "ProcessMessageAvgDuration", "hekad_msg_avg_duration" },
    { "Memory", "hekad_memory" },
    { "TimerEventAvgDuration", "hekad_timer_event_avg_duration" },
    { "TimerEventSamples", "hekad_timer_event_count" },
}

local function add(points, row, kind, hostname)
    if type(row) ~= "table" or type(row.Name) ~= "string" then return end
    local name = string.gsub(row.Name, "_" .. kind, "")
    for _, m in ipairs(measures) do
        local cell = row[m[1]]
        if type(cell) == "table" and type(cell.value) == "number" then
            points[#points + 1] = {
                name = m[2],
                value = cell.value,
                tags = { name = name, type = kind, hostname = hostname },
            }
        end
    end
end

function process_message()
    local report, err = json.decode(read_message("Payload"))
    if type(report) ~= "table" then return -1, "cannot decode the report: " .. tostring(err or "no object") end
    local hostname = read_message("Hostname")
    local points = {}
    for _, kind in ipairs(kinds) do
        local rows = report[kind[1]]
        if type(rows) == "table" then
            for _, row in pairs(rows) do add(points, row, kind[2], hostname) end
        end
    end
    return metric.bulk(points, read_message("Timestamp"), hostname, "internal")
end
