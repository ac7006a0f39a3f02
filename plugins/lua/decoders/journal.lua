-- systemd's journal: entries of the export format (KEY=value lines, or KEY, a
-- length of eight bytes and the data), or of its JSON format. A record may hold
-- several entries, with an empty line between them.
local json = require "json_text"
local record = require "log_record"
local severity = require "log_severity"

local kept = {
    _SYSTEMD_UNIT = "systemd_unit", _SYSTEMD_USER_UNIT = "systemd_user_unit", _TRANSPORT = "transport",
    _UID = "uid", _GID = "gid", _COMM = "command", _EXE = "executable", _BOOT_ID = "boot_id",
    CODE_FILE = "code_file", CODE_LINE = "code_line", CODE_FUNC = "code_function", MESSAGE_ID = "message_id",
    CONTAINER_NAME = "container_name", CONTAINER_ID = "container_id", UNIT = "unit", ERRNO = "errno",
}

local function length(s, at)
    local n, factor = 0, 1
    for i = at, at + 7 do
        n = n + (string.byte(s, i) or 0) * factor
        factor = factor * 256
    end
    return n
end

-- read reads the entry that begins at a position; it returns the entry, nil when
-- it is none, and the position after it.
local function read(s, at)
    local entry, size = {}, #s
    while at <= size do
        local stop = string.find(s, "\n", at, true) or size + 1
        if stop == at then return entry, at + 1 end
        local line = string.sub(s, at, stop - 1)
        local key, value = string.match(line, "^([%w_]+)=(.*)$")
        if key then
            at = stop + 1
        else
            key = string.match(line, "^[%w_]+$")
            local n = length(s, stop + 1)
            if not key or stop + 8 + n > size then return nil, size + 1 end
            value = string.sub(s, stop + 9, stop + 8 + n)
            at = stop + 10 + n
        end
        entry[key] = entry[key] or value
    end
    return entry, at
end

-- text returns a value as text; the JSON format writes what is not UTF-8 as an
-- array of bytes, and a repeated key as an array of values.
local function text(value)
    if type(value) ~= "table" then return value ~= nil and tostring(value) or nil end
    if type(value[1]) ~= "number" then return text(value[1]) end
    local bytes = {}
    for i, byte in ipairs(value) do
        if type(byte) ~= "number" or byte < 0 or byte > 255 then return nil end
        bytes[i] = string.char(byte)
    end
    return table.concat(bytes)
end

local function get(entry, key)
    local value = text(entry[key])
    return value and record.text(value)
end

local function emit(entry)
    local us = tonumber(get(entry, "_SOURCE_REALTIME_TIMESTAMP")) or tonumber(get(entry, "__REALTIME_TIMESTAMP"))
    local payload = get(entry, "MESSAGE")
    if not us and not payload then return -1, "the journal entry has neither time nor message" end
    local level = tonumber(get(entry, "PRIORITY"))
    if not level or level < 0 or level > 7 then level = 6 end
    local fields = {
        severity_label = severity.labels[level],
        programname = get(entry, "SYSLOG_IDENTIFIER") or get(entry, "_COMM"),
        syslogfacility = tonumber(get(entry, "SYSLOG_FACILITY")),
    }
    for key, name in pairs(kept) do fields[name] = get(entry, key) end
    return record.emit({
        Type = "log",
        Timestamp = us and us * 1e3,
        Hostname = get(entry, "_HOSTNAME"),
        Pid = record.pid(get(entry, "SYSLOG_PID") or get(entry, "_PID")),
        Severity = level,
        Payload = record.chomp(payload or ""),
        Fields = fields,
    }, true)
end

function process_message()
    local log = read_message("Payload")
    if string.find(log, "^%s*{") then
        local entry = json.decode(record.text(log))
        if type(entry) ~= "table" then return record.reject("journal", record.text(log)) end
        return emit(entry)
    end
    local at, good, code, err = 1, 0, nil, nil
    while at <= #log do
        local entry
        entry, at = read(log, at)
        if not entry then
            code, err = record.reject("journal", record.text(log))
        elseif next(entry) then
            code, err = emit(entry)
            if code == 0 then good = good + 1 end
        end
    end
    if good > 0 then return 0 end
    if code then return code, err end
    return record.reject("journal", record.text(log))
end
