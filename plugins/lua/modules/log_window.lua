-- The time window of a filter that counts log messages between ticks. A message
-- older than the last tick (or the start) by more than the grace is late: it is
-- counted in the global late_messages and otherwise ignored. The global
-- last_tick, in ns, survives a restart with preserved data.
local math = require "math"
local os = require "os"

late_messages = 0
last_tick = os.time() * 1e9

local M = {}

local function seconds(ns) return math.floor(ns / 1e9) end

-- late tells, and counts, whether the current message comes too late; grace is in
-- seconds.
function M.late(grace)
    if seconds(read_message("Timestamp")) + grace >= seconds(last_tick) then return false end
    late_messages = late_messages + 1
    return true
end

-- tick ends the window at ns and returns its length in seconds, never 0.
function M.tick(ns)
    local elapsed = (ns - last_tick) / 1e9
    last_tick = ns
    if elapsed <= 0 then return 1 end
    return elapsed
end

return M
