-- Failed logins by way of sshd. A wrong password for an unknown user writes two
-- lines; the first one counts.
local counter = require "log_counter"

counter.install("failed_logins", function(payload)
    if string.find(payload, "^Invalid user") then return true end
    return string.find(payload, "^Failed password for ") and not string.find(payload, "^Failed password for invalid user ")
end)
