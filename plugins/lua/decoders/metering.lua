-- Samples of a metering service. Option decoder: the module that knows the
-- service (ceilometer); its function decode(data) emits the messages.
local record = require "log_record"

local name = read_config("decoder") or error("decoder must be given: the module that decodes the samples, like ceilometer")
local decode = require(name).decode or error("module " .. name .. " has no function decode")

function process_message()
    return decode(record.payload())
end
