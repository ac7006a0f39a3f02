-- Disk errors in kernel messages, by device. Options: hostname, grace_interval,
-- patterns (Lua patterns between slashes whose capture is the device; without
-- them the built-in ones), source, emit_rates, log_lines (see log_evidence).
local evidence = require "log_evidence"
local metric = require "metric_message"
local window = require "log_window"

local hostname = read_config("hostname") or error("hostname must be given: the name of this node")
local grace = tonumber(read_config("grace_interval")) or 0
local source = read_config("source")
local emit_rates = metric.bool(read_config("emit_rates"), true)

-- the patterns StackLight ships know neither NVMe nor Xen nor MMC devices
local stock = "/error%s.+([sv]d[a-z][a-z]?)%d?/ /([sv]d[a-z][a-z]?)%d?.+%serror/"
local devices = { "%f[%w]([sv]d[a-z][a-z]?)%d*%f[%W]", "%f[%w](xvd[a-z][a-z]?)%d*%f[%W]",
    "%f[%w](nvme%d+n%d+)p?%d*%f[%W]", "%f[%w](mmcblk%d+)p?%d*%f[%W]" }

local patterns = {}

local function built_in(strict)
    local after = strict and "error%s.*" or "error[%s,:].*"
    for _, device in ipairs(devices) do patterns[#patterns + 1] = after .. device end
    for _, device in ipairs(devices) do patterns[#patterns + 1] = device .. ".*%serror" end
end

local option = read_config("patterns")
if not option or option == stock then
    built_in(option ~= nil)
else
    for pattern in string.gmatch(option, "/(%S+)/") do
        local ok, err = pcall(string.match, "", pattern)
        if not ok then error("the pattern '" .. pattern .. "' is invalid: " .. tostring(err)) end
        patterns[#patterns + 1] = pattern
    end
end

error_counters = {} -- device -> count; preserved

function process_message()
    if window.late(grace) then return 0 end
    local payload = read_message("Payload")
    if not option and not string.find(payload, "error", 1, true) then return 0 end
    for _, pattern in ipairs(patterns) do
        local device = string.match(payload, pattern)
        if device then
            error_counters[device] = (error_counters[device] or 0) + 1
            evidence.keep(device, payload)
            break
        end
    end
    return 0
end

function timer_event(ns)
    local elapsed = window.tick(ns)
    local names, points = {}, {}
    for device in pairs(error_counters) do names[#names + 1] = device end
    table.sort(names)
    for _, device in ipairs(names) do
        local value = error_counters[device]
        if emit_rates then
            value = value / elapsed
            error_counters[device] = 0
        end
        points[#points + 1] = {
            name = emit_rates and "hdd_errors_rate" or "hdd_errors",
            value = value,
            log_lines = evidence.lines(device),
            tags = { device = device, hostname = hostname },
        }
    end
    evidence.forget()
    metric.bulk(points, ns, hostname, source, emit_rates and "derive" or "counter")
end
