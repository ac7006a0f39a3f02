-- Carbon lines for counters and timers, named as statsd names them.
local string = require "string"
local math = require "math"
local table = require "table"
local pairs = pairs

local M = {}
setfenv(1, M)

-- count_rate gives the lines of one counter.
function count_rate(bucket, count, ticker_interval, now_sec)
    return string.format("stats.counters.%s.count %d %d\nstats.counters.%s.rate %f %d\n",
        bucket, count, now_sec, bucket, count / ticker_interval, now_sec)
end

-- multi_counts_rates gives the lines of a table of counters.
function multi_counts_rates(counts, ticker_interval, now_sec)
    local lines = {}
    for bucket, count in pairs(counts) do
        lines[#lines + 1] = count_rate(bucket, count, ticker_interval, now_sec)
    end
    return table.concat(lines)
end

-- timeseries_metrics gives the lines of one timer; it sorts times.
function timeseries_metrics(bucket, times, ticker_interval, percent_thresh, now_sec)
    table.sort(times)
    local count, sum, sum_in, inside = #times, 0, 0, #times
    if count > 1 then
        inside = count - math.floor((100 - percent_thresh) / 100 * count + 0.5)
    end
    for i = 1, count do
        sum = sum + times[i]
        if i <= inside then sum_in = sum_in + times[i] end
    end
    local lower, upper, mean = times[1] or 0, times[count] or 0, 0
    local mean_in, upper_in = lower, upper
    if count > 0 then mean = sum / count end
    if count > 1 and inside > 0 then mean_in, upper_in = sum_in / inside, times[inside] end

    local lines = {}
    local function line(suffix, number) lines[#lines + 1] = "stats.timers." .. bucket .. "." .. suffix .. " " .. number end
    local function float(suffix, value) line(suffix, string.format("%f %d\n", value, now_sec)) end
    line("count", string.format("%d %d\n", count, now_sec))
    float("count_ps", count / ticker_interval)
    float("lower", lower)
    float("upper", upper)
    float("sum", sum)
    float("mean", mean)
    float(string.format("mean_%d", percent_thresh), mean_in)
    float(string.format("upper_%d", percent_thresh), upper_in)
    return table.concat(lines)
end

-- multi_timeseries_metrics gives the lines of a table of timers.
function multi_timeseries_metrics(timers, ticker_interval, percent_thresh, now_sec)
    local lines = {}
    for bucket, times in pairs(timers) do
        lines[#lines + 1] = timeseries_metrics(bucket, times, ticker_interval, percent_thresh, now_sec)
    end
    return table.concat(lines)
end

-- ns_to_sec gives whole seconds.
function ns_to_sec(ns)
    return math.floor(ns / 1e9)
end

return M
