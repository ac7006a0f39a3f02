-- System logs written by rsyslog. Options: syslog_pattern (the template that
-- wrote the lines), fallback_syslog_pattern (tried when it does not match).
local record = require "log_record"
local syslog = require "log_syslog"

local pattern = read_config("syslog_pattern") or error("syslog_pattern must be given: the rsyslog template of the file")
local parser = syslog.new(pattern)
local fallback = read_config("fallback_syslog_pattern")
fallback = fallback and syslog.new(fallback)

local msg = { Type = "log" }

function process_message()
    local log = record.payload()
    local used = parser
    if not used:parse(log, msg) then
        used = fallback
        if not used or not used:parse(log, msg) then return record.reject("syslog", log) end
    end
    msg.Logger = string.gsub(read_message("Logger"), "%.log$", "")
    return record.emit(msg, used.exact)
end
