-- Processes killed by the kernel for want of memory.
local counter = require "log_counter"

counter.install("out_of_memory", function(payload)
    return string.find(payload, "Out of memory:", 1, true)
end)
