-- Output of containers: parts of long lines are joined, for each of the two
-- streams apart, and the level is looked for in the text.
local guess = require("log_fields").guess
local multiline = require "log_multiline"
local record = require "log_record"
local severity = require "log_severity"
local pairs = pairs
local read_message = read_message
local setmetatable = setmetatable
local string = require "string"

local M = {}
M.__index = M
setfenv(1, M)

-- identity reads what the stream's name says about the container; a stream's name
-- does not change, so the last one is remembered.
local last_name, last_identity
local function identity(name)
    if name == last_name then return last_identity end
    local pod, namespace, container, id = string.match(name, "([^_/]+)_([^_/]+)_([^/]+)%-(%x+)")
    last_name, last_identity = name, {}
    if id and #id == 64 then
        last_identity = {
            kubernetes_pod = pod, kubernetes_namespace = namespace, container_name = container,
            container_id = id, programname = container,
        }
    end
    return last_identity
end

local fields = {}
local msg = { Type = "log", Fields = fields }

local function emit(head, text)
    local level = guess(text) or 6
    local own = identity(head.logger)
    fields.severity_label = severity.labels[level]
    fields.container_stream = head.stream
    fields.kubernetes_pod, fields.kubernetes_namespace = own.kubernetes_pod, own.kubernetes_namespace
    fields.container_name, fields.container_id = own.container_name, own.container_id
    fields.programname = own.programname
    msg.Timestamp = head.ns
    msg.Logger, msg.Hostname = head.logger, head.hostname
    msg.Severity = level
    msg.Payload = record.chomp(text)
    msg.Fields = fields
    if head.extra then
        msg.Fields = {}
        for key, value in pairs(head.extra) do msg.Fields[key] = value end
        for key, value in pairs(fields) do msg.Fields[key] = value end
    end
    return record.emit(msg, head.exact)
end

-- new makes the state of one log.
function new()
    return setmetatable({ open = { stdout = multiline.new(emit), stderr = multiline.new(emit) } }, M)
end

local single = {}

-- add takes a line of one stream; partial says that more of it follows. The
-- result is that of process_message.
function M:add(stream, ns, exact, text, partial, extra)
    local open = self.open[stream]
    local code, err = 0, nil
    if open.head then
        code, err = open:add(text)
    else
        local head = partial and {} or single -- a held head must not change
        head.ns, head.exact, head.stream, head.extra = ns, exact, stream, extra
        head.logger, head.hostname = read_message("Logger"), read_message("Hostname")
        if not partial then return emit(head, text) end
        open:open(head, text)
    end
    if not partial then code, err = open:close() end
    return code, err
end

-- flush emits what is held back, see log_multiline.
function M:flush(ns, idle)
    self.open.stdout:flush(ns, idle)
    self.open.stderr:flush(ns, idle)
end

return M
