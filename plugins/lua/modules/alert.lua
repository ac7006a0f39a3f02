-- Alert messages, at most one in a given time (an hour unless set otherwise).
-- The time of the last one is the global _LAST_ALERT, which survives a restart
-- with preserved data; the functions look it up on every call.
local table = require "table"

_LAST_ALERT = 0

local M = {}

local throttle = 60 * 60 * 1e9
local pending

-- throttled tells whether an alert at ns would be held back; one at time 0 never is.
function M.throttled(ns)
    if ns == 0 then return false end
    return ns < _LAST_ALERT or ns - _LAST_ALERT <= throttle
end

-- set_throttle sets the least time between two alerts, in ns.
function M.set_throttle(ns_duration)
    throttle = ns_duration
end

local function wanted(ns, msg)
    return msg and msg ~= "" and not M.throttled(ns)
end

-- queue keeps msg for send_queue; false when it is empty or would be held back.
function M.queue(ns, msg)
    if not wanted(ns, msg) then return false end
    pending = pending or {}
    pending[#pending + 1] = msg
    return true
end

-- send emits msg now; false when it is empty or held back.
function M.send(ns, msg)
    if not wanted(ns, msg) then return false end
    inject_payload("alert", "", msg)
    if ns > _LAST_ALERT then _LAST_ALERT = ns end
    return true
end

-- send_queue emits everything queued as one alert.
function M.send_queue(ns)
    if not pending then return false end
    local text = table.concat(pending, "\n")
    pending = nil
    return M.send(ns, text)
end

return M
