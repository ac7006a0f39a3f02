-- Container logs of Docker's json-file driver:
--   {"log":"text\n","stream":"stderr","time":"2017-03-13T09:01:02.003456789Z"}
-- A text that does not end in a line feed goes on in the next record.
local container = require "log_container"
local fields_of = require "log_fields"
local record = require "log_record"
local time = require "log_time"

local logs = container.new()

function process_message()
    local log = record.payload()
    local entry = fields_of.object(log)
    if not entry or type(entry.log) ~= "string" then return record.reject("docker", log) end
    local ns, exact = nil, nil
    if type(entry.time) == "string" then ns, exact = time.parse(entry.time) end
    local stream = entry.stream == "stderr" and "stderr" or "stdout"
    local extra
    if type(entry.attrs) == "table" then
        extra = {}
        fields_of.flatten(entry.attrs, extra, "", 1)
    end
    return logs:add(stream, ns, exact, entry.log, string.byte(entry.log, -1) ~= 10, extra)
end

function flush(ns, idle)
    logs:flush(ns, idle)
end
