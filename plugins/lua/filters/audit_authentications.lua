-- Authentications, successful and failed, from audit messages. Options:
-- grace_interval, source, emit_rates.
local metric = require "metric_message"
local window = require "log_window"

local grace = tonumber(read_config("grace_interval")) or 0
local source = read_config("source")
local emit_rates = metric.bool(read_config("emit_rates"), true)

totals = { all = 0, success = 0, failed = 0 } -- preserved
local recent = { all = 0, success = 0, failed = 0 }

local function count(counts, outcome)
    counts.all = counts.all + 1
    counts[outcome] = counts[outcome] + 1
end

function process_message()
    if window.late(grace) then return 0 end
    if read_message("Type") ~= "audit" or read_message("Fields[action]") ~= "authenticate" then return 0 end
    local outcome = read_message("Fields[outcome]") == "success" and "success" or "failed"
    count(totals, outcome)
    count(recent, outcome)
    return 0
end

local function send(ns, suffix, kind, names, counts, factor)
    local fields = { name = "authentications_" .. suffix, value_fields = names, source = source, type = kind }
    for _, name in ipairs(names) do fields[name] = counts[name] * factor end
    metric.send("multivalue_metric", ns, fields)
end

local all = { "all", "success", "failed" }

function timer_event(ns)
    local elapsed = window.tick(ns)
    send(ns, "total", "counter", all, totals, 1)
    if emit_rates then
        send(ns, "rate", "derive", all, recent, 1 / elapsed)
        if recent.all > 0 then send(ns, "percent", "gauge", { "success", "failed" }, recent, 100 / recent.all) end
    end
    recent = { all = 0, success = 0, failed = 0 }
end
