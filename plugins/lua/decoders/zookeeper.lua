-- ZooKeeper:  2017-03-13 06:38:43,081 - WARN  [NIOServerCxn.Factory] - text
-- A message that speaks of an exception goes on over the following lines.
local java = require "log_java"
local multiline = require "log_multiline"
local record = require "log_record"
local severity = require "log_severity"
local time = require "log_time"

local fields = { programname = "zookeeper" }
local msg = { Type = "log", Fields = fields }

local function emit(head, text)
    msg.Timestamp = head.ns
    msg.Logger = head.logger
    msg.Hostname = head.hostname
    msg.Severity = head.severity
    msg.Payload = record.chomp(text)
    fields.severity_label = severity.labels[head.severity]
    return record.emit(msg, head.exact)
end

local open = multiline.new(emit)

function process_message()
    local log = record.payload()
    local m = java.undashed:match(log)
    if not m then
        if open.head then return open:add(log) end
        return record.reject("zookeeper", log)
    end
    local ns, exact = time.to_ns(m)
    local level = severity.number(m.level, 6)
    local held = open.head
    if held then
        if held.ns == ns and held.severity == level then return open:add(m.message) end
        open:close() -- its failure must not cost this line
    end
    local head = {
        ns = ns,
        exact = exact,
        severity = level,
        logger = read_message("Logger"),
        hostname = read_message("Hostname"),
    }
    if string.find(m.message, "[eE]xception") then
        open:open(head, m.message)
        return 0
    end
    return emit(head, m.message)
end

function flush(ns, idle)
    open:flush(ns, idle)
end
