-- Evaluates alarms. The data and the rules live in the native module `afd`; this
-- script decides what goes in and what comes out, and may be replaced to do more:
-- derive metrics with afd.add(name, value, fields), or change a verdict's status
-- or payload before it is injected.

local afd = require "afd"

function process_message()
    return afd.add()
end

function timer_event(ns)
    for _, verdict in ipairs(afd.evaluate()) do
        afd.inject(verdict)
    end
end
