-- Structured log entries: by which names an entry's time, level, message and so on
-- go, in order of preference. An option <what>_key puts a name in front.
local ipairs = ipairs
local read_config = read_config

local M = {}
setfenv(1, M)

local function known(option, list)
    local name = read_config(option .. "_key")
    local all = { name }
    for _, other in ipairs(list) do all[#all + 1] = other end
    return all
end

-- names are those of json_lines, logfmt and etcd.
names = {
    Timestamp = known("time", { "@timestamp", "timestamp", "time", "ts", "datetime", "date", "t" }),
    Severity = known("level", { "level", "severity", "lvl", "loglevel", "log.level", "levelname", "severity_label" }),
    Payload = known("message", { "message", "msg", "log", "text", "event" }),
    Hostname = known("hostname", { "hostname", "host", "host.name" }),
    Pid = known("pid", { "pid", "process.pid" }),
    programname = known("program", { "programname", "program", "service", "service.name", "app", "appname" }),
}

-- levels are words that only such entries have.
levels = { WARNUNG = 4, DPANIC = 0, INFORMATION = 6, VERBOSE = 7, FINE = 7, FINER = 7, FINEST = 7, SEVERE = 3,
    EMERGENCY = 0, LOG = 6, SUCCESS = 6, ERRO = 3, DEBU = 7, CRITICAL = 2 }

return M
