-- A filter that counts the messages with a certain payload: a total, and a rate
-- over the time between ticks. Options: hostname, grace_interval, source,
-- emit_rates, log_lines (see log_evidence).
local evidence = require "log_evidence"
local metric = require "metric_message"
local window = require "log_window"

local M = {}

-- install defines process_message and timer_event. name is the metrics' common
-- part; counts(payload) tells whether a message counts.
function M.install(name, counts)
    local hostname = read_config("hostname") or error("hostname must be given: the name of this node")
    local grace = tonumber(read_config("grace_interval")) or 0
    local source = read_config("source")
    local emit_rates = metric.bool(read_config("emit_rates"), true)
    total, since_tick = 0, 0 -- globals are preserved

    local function send(ns, suffix, kind, value)
        return metric.send("metric", ns, {
            name = name .. suffix,
            type = kind,
            value = value,
            log_lines = evidence.lines(name),
            source = source,
            hostname = hostname,
            tag_fields = { "hostname" },
        })
    end

    function process_message()
        if not window.late(grace) and counts(read_message("Payload")) then
            total = total + 1
            since_tick = since_tick + 1
            evidence.keep(name)
        end
        return 0
    end

    function timer_event(ns)
        local elapsed = window.tick(ns)
        send(ns, "_total", "counter", total)
        if emit_rates then send(ns, "_rate", "derive", since_tick / elapsed) end
        since_tick = 0
        evidence.forget()
    end
end

return M
