-- Container logs as CRI runtimes write them:
--   2016-10-06T00:17:09.669794202Z stdout F text
-- A text in parts (P) is joined. A stream named <pod>_<namespace>_<container>-<id>
-- gives the container's fields.
local l = require "lpeg"
l.locale(l)
local container = require "log_container"
local record = require "log_record"
local time = require "log_time"

local grammar = l.Ct(time.stamp * " " * l.Cg(l.P "stdout" + "stderr", "stream") * " "
    * l.Cg(l.S "FP", "tag") * (l.P ":" * (1 - l.space) ^ 0) ^ -1
    * (l.P " " * l.Cg((1 - l.P "\n") ^ 0, "text") + #l.P "\n" * l.Cg(l.Cc "", "text") + -1 * l.Cg(l.Cc "", "text")))

local logs = container.new()

function process_message()
    local log = record.payload()
    local m = grammar:match(log)
    if not m then return record.reject("cri", log) end
    local ns, exact = time.to_ns(m)
    return logs:add(m.stream, ns, exact, m.text, m.tag == "P")
end

function flush(ns, idle)
    logs:flush(ns, idle)
end
