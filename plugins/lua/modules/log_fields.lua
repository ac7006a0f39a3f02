-- Structured log entries: which of an entry's names are its time, level, message
-- and so on, and how the others become fields.
local cjson = require "cjson"
local json = require "json_text"
local logtime = require "logtime"
local math = require "math"
local record = require "log_record"
local severity = require "log_severity"
local pairs = pairs
local read_config = read_config
local string = require "string"
local table = require "table"
local tonumber = tonumber
local tostring = tostring
local type = type

local M = {}
setfenv(1, M)

-- the names in order of preference; an option <what>_key puts one in front
local known = {
    time = { "@timestamp", "timestamp", "time", "ts", "datetime", "date", "t" },
    level = { "level", "severity", "lvl", "loglevel", "log.level", "levelname", "severity_label" },
    message = { "message", "msg", "log", "text", "event" },
    hostname = { "hostname", "host", "host.name" },
    pid = { "pid", "process.pid" },
    program = { "programname", "program", "service", "service.name", "app", "appname" },
}

for what, names in pairs(known) do
    local name = read_config(what .. "_key")
    if name then table.insert(names, 1, name) end
end

-- take removes and returns the first of the names that entry has with a scalar.
local function take(entry, what)
    local names = known[what]
    for i = 1, #names do
        local name = names[i]
        local value = entry[name]
        if value ~= nil and type(value) ~= "table" then
            entry[name] = nil
            return value, name
        end
    end
end

-- bunyan and pino count levels in tens, syslog from 0 to 7
local function numeric_level(n)
    if n >= 0 and n <= 7 then return math.floor(n) end
    if n >= 60 then return 0 end
    if n >= 50 then return 3 end
    if n >= 40 then return 4 end
    if n >= 30 then return 6 end
    return 7
end

local words = { WARNUNG = 4, DPANIC = 0, INFORMATION = 6, VERBOSE = 7, FINE = 7, FINER = 7, FINEST = 7, SEVERE = 3,
    EMERGENCY = 0, LOG = 6, SUCCESS = 6, ERRO = 3, DEBU = 7, CRITICAL = 2 }

-- level returns the severity of a level word or number; nil when it is unknown.
function level(value)
    if value == nil then return nil end
    local n = tonumber(value)
    if n then return numeric_level(n) end
    if type(value) ~= "string" then return nil end
    return severity.number(value) or words[string.upper(value)]
end

-- epoch reads a number of s, ms, us or ns since the epoch, by its size.
local function epoch(n)
    if n < 1e11 then return n * 1e9 end
    if n < 1e14 then return n * 1e6 end
    if n < 1e17 then return n * 1e3 end
    return n
end

-- moment converts a time that is a number or a text; the second result tells
-- that it is UTC for certain. nil for anything else.
function moment(value)
    local n = tonumber(value)
    if n then
        if n > 0 and n < 9e18 then return epoch(n), true end
        return nil
    end
    if type(value) ~= "string" then return nil end
    return logtime.parse(value)
end

local function is_array(t)
    local n = 0
    for key in pairs(t) do
        if type(key) ~= "number" then return false end
        n = n + 1
    end
    return n > 0 and n == #t
end

-- scalars tells whether an array holds values of one type that a field can hold.
local function scalars(list)
    local kind = type(list[1])
    if kind == "table" then return false end
    for i = 2, #list do
        if type(list[i]) ~= kind then return false end
    end
    return true
end

-- flatten copies entry into fields; nested objects get dotted names, at most four
-- deep, arrays that no field can hold are kept as JSON.
function flatten(entry, fields, prefix, depth)
    for name, value in pairs(entry) do
        local key = prefix .. tostring(name)
        if type(value) ~= "table" then
            if type(value) ~= "userdata" and key ~= "" then fields[key] = value end
        elseif is_array(value) and scalars(value) then
            fields[key] = value
        elseif depth < 4 and not is_array(value) then
            flatten(value, fields, key .. ".", depth + 1)
        else
            fields[key] = cjson.encode(value)
        end
    end
end

-- fill makes msg of an entry, a table that it uses up. fallback is the payload
-- when the entry has no message. It returns whether the time is UTC for certain.
function fill(entry, msg, fallback)
    local stamp, stamp_name = take(entry, "time")
    local ns, exact = moment(stamp)
    msg.Timestamp = ns
    if stamp ~= nil and not ns then entry[stamp_name] = stamp end
    local word, word_name = take(entry, "level")
    local n = level(word)
    if word ~= nil and n == nil then entry[word_name] = word end
    msg.Severity = n or 6
    local text = take(entry, "message")
    msg.Payload = text ~= nil and record.chomp(tostring(text)) or fallback
    local host = take(entry, "hostname")
    msg.Hostname = host ~= nil and tostring(host) or nil
    msg.Pid = record.pid(take(entry, "pid"))
    local fields = {}
    local program = take(entry, "program")
    flatten(entry, fields, "", 1)
    if program ~= nil then fields.programname = tostring(program) end
    fields.severity_label = severity.labels[msg.Severity]
    msg.Fields = fields
    return exact
end

-- object decodes a JSON object; nil for anything else.
function object(text)
    if not string.find(text, "^%s*{") then return nil end
    local entry = json.decode(text)
    return type(entry) == "table" and entry or nil
end

-- guess finds a level inside a plain message: klog's letter, a JSON object's
-- level, or level=word.
function guess(text)
    local first = string.byte(text, 1)
    local letter = (first == 73 or first == 87 or first == 69 or first == 70)
        and string.match(text, "^([IWEF])%d%d%d%d %d%d:%d%d:%d%d")
    if letter then return severity.number(letter) end
    local word
    if first == 123 then
        word = string.match(text, '"level"%s*:%s*"(%a+)"') or string.match(text, '"severity"%s*:%s*"(%a+)"')
    else
        local at = string.find(text, "level=", 1, true)
        word = at and string.match(text, "%f[%w]level=\"?(%a+)")
    end
    return word and level(word)
end

return M
