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

-- identity reads what the stream's name says about the container.
local function identity(name)
    local pod, namespace, container, id = string.match(name, "([^_/]+)_([^_/]+)_([^/]+)%-(%x+)")
    if id and #id == 64 then
        return { kubernetes_pod = pod, kubernetes_namespace = namespace, container_name = container, container_id = id }
    end
    return {}
end

local function emit(head, text)
    local level = guess(text) or 6
    local fields = { severity_label = severity.labels[level], container_stream = head.stream }
    for key, value in pairs(identity(head.logger)) do fields[key] = value end
    if head.extra then
        for key, value in pairs(head.extra) do fields[key] = fields[key] or value end
    end
    fields.programname = fields.container_name
    return record.emit({
        Type = "log",
        Timestamp = head.ns,
        Logger = head.logger,
        Hostname = head.hostname,
        Severity = level,
        Payload = record.chomp(text),
        Fields = fields,
    }, head.exact)
end

-- new makes the state of one log.
function new()
    return setmetatable({ open = { stdout = multiline.new(emit), stderr = multiline.new(emit) } }, M)
end

-- add takes a line of one stream; partial says that more of it follows. The
-- result is that of process_message.
function M:add(stream, ns, exact, text, partial, extra)
    local open = self.open[stream]
    local code, err = 0, nil
    if open.head then
        code, err = open:add(text)
    else
        local head = {
            ns = ns, exact = exact, stream = stream, extra = extra,
            logger = read_message("Logger"), hostname = read_message("Hostname"),
        }
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
