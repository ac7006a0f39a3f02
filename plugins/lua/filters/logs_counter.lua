-- Log messages by service and level. Options: hostname, grace_interval,
-- logger_matcher (a Lua pattern whose capture is the service), source,
-- emit_rates, log_lines (see log_evidence; of warnings and what is worse).
local evidence = require "log_evidence"
local metric = require "metric_message"
local severity = require "log_severity"
local window = require "log_window"

local hostname = read_config("hostname") or error("hostname must be given: the name of this node")
local grace = tonumber(read_config("grace_interval")) or 0
local matcher = read_config("logger_matcher") or ".*"
local source = read_config("source")
local emit_rates = metric.bool(read_config("emit_rates"), true)
local warning = 4

logs_counters = {} -- service -> counts of the severities 0 to 7, shifted by one; preserved

function process_message()
    local service = string.match(read_message("Logger"), matcher)
    if not service then return -1, "no service in the logger " .. read_message("Logger") end
    if window.late(grace) then return 0 end
    local counts = logs_counters[service]
    if not counts then
        counts = { 0, 0, 0, 0, 0, 0, 0, 0 }
        logs_counters[service] = counts
    end
    -- every word folds into one of the eight levels
    local level = severity.number(read_message("Fields[severity_label]")) or read_message("Severity")
    if not level or level < 0 or level > 7 then level = 7 end
    counts[level + 1] = counts[level + 1] + 1
    if level <= warning then evidence.keep(level .. service) end
    return 0
end

local function services()
    local names = {}
    for name in pairs(logs_counters) do names[#names + 1] = name end
    table.sort(names)
    return names
end

function timer_event(ns)
    local elapsed = window.tick(ns)
    local points = {}
    for _, service in ipairs(services()) do
        local counts = logs_counters[service]
        for level = 0, 7 do
            local value = counts[level + 1]
            if emit_rates then
                value = value / elapsed
                counts[level + 1] = 0
            end
            points[#points + 1] = {
                name = "log_messages",
                value = value,
                log_lines = evidence.lines(level .. service),
                tags = { hostname = hostname, service = service, level = string.lower(severity.labels[level]) },
            }
        end
    end
    evidence.forget()
    metric.bulk(points, ns, hostname, source, emit_rates and "derive" or "counter")
end
