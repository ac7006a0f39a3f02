-- Resources of a Pacemaker cluster, one "name digit" a record, as metrics.
local l = require "lpeg"
l.locale(l)
local record = require "log_record"

local grammar = l.Ct(l.Cg((l.alnum + l.S "._-") ^ 1, "resource") * " " * l.Cg(l.digit / tonumber, "active")
    * (l.space ^ 1 + -1))

local msg = { Type = "metric", Severity = 6 }

function process_message()
    local data = record.payload()
    local m = grammar:match(data)
    if not m then return record.reject("pacemaker resource", data) end
    msg.Timestamp = read_message("Timestamp")
    msg.Payload = data
    msg.Fields = {
        source = "pacemaker",
        type = "gauge",
        hostname = read_message("Hostname"),
        name = "pacemaker.resource." .. m.resource .. ".active",
        value = m.active,
    }
    return record.emit(msg, true)
end
