-- One JSON object a line. Time, level, message, host, pid and program are found by
-- their usual names; the others become fields. Options: time_key, level_key,
-- message_key, hostname_key, pid_key, program_key (names that come first).
local fields_of = require "log_fields"
local record = require "log_record"

local msg = { Type = "log" }

function process_message()
    local log = record.payload()
    local entry = fields_of.object(log)
    if not entry then return record.reject("json", log) end
    return record.emit(msg, fields_of.fill(entry, msg, record.chomp(log)))
end
