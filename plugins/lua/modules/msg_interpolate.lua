-- Templates filled from the current message.
local os = require "os"
local string = require "string"
local read_message = read_message
local tostring = tostring

local M = {}
setfenv(1, M)

local headers = {
    EnvVersion = "EnvVersion",
    Hostname = "Hostname",
    Logger = "Logger",
    Pid = "Pid",
    Severity = "Severity",
    Type = "Type",
    UUID = "Uuid",
}

-- interpolate_from_msg replaces each %{x} in value: by the header x, else by the
-- field x, else by x read as a strftime format at the time secs (default: now).
-- What is none of these stays as it is.
function interpolate_from_msg(value, secs)
    return string.gsub(value, "%%{(.-)}", function(name)
        if headers[name] then return read_message(headers[name]) end
        local field = read_message(string.format("Fields[%s]", name))
        if field ~= nil then return tostring(field) end
        local date = os.date(name, secs)
        if date ~= name then return date end
    end)
end

return M
