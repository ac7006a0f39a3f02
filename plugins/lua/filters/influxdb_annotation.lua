-- A point for each change of a cluster's status, for annotations in dashboards.
-- Option: measurement_name (annotations).
local alarm_text = require "alarm_text"
local json = require "json_text"
local metric = require "metric_message"

local measurement = read_config("measurement_name") or "annotations"
local labels = { [0] = "OKAY", "WARN", "UNKNOWN", "CRITICAL", "DOWN" }

statuses = {} -- cluster -> last status; preserved

function process_message()
    local cluster = read_message("Fields[cluster_name]") or read_message("Fields[member]")
    local status = read_message("Fields[value]")
    local body = json.decode(read_message("Payload"))
    if not cluster then return -1, "the status names no cluster" end
    if not labels[status] then return -1, "the status of " .. cluster .. " is none of 0 to 4" end
    if type(body) ~= "table" or type(body.alarms) ~= "table" then return -1, "the status of " .. cluster .. " has no alarms" end

    local previous = statuses[cluster]
    if status == previous or previous == nil and status == 0 then return 0 end
    local title = "General status is " .. labels[status]
    if previous then title = "General status " .. labels[previous] .. " -> " .. labels[status] end
    local code, err = metric.send("metric", read_message("Timestamp"), {
        name = measurement,
        tag_fields = { "cluster" },
        value_fields = { "title", "tags", "text" },
        title = title,
        tags = cluster,
        text = table.concat(alarm_text.lines(body.alarms), "<br />"),
        cluster = cluster,
        source = "influxdb_annotation",
    })
    if code == 0 then statuses[cluster] = status end
    return code, err
end
