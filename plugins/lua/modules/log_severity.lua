-- Severity words and numbers (syslog's: 0 emergency ... 7 debug).
local string = require "string"

local M = {}
setfenv(1, M)

labels = {
    [0] = "EMERGENCY", [1] = "ALERT", [2] = "CRITICAL", [3] = "ERROR",
    [4] = "WARNING", [5] = "NOTICE", [6] = "INFO", [7] = "DEBUG",
}

numbers = {
    EMERGENCY = 0, FATAL = 0, EMER = 0, EMERG = 0, PANIC = 0, F = 0, SYS_EMERG = 0,
    ALERT = 1, A = 1, SYS_ALERT = 1,
    CRITICAL = 2, CRIT = 2, C = 2, SYS_CRIT = 2,
    ERROR = 3, E = 3, ERR = 3, SYS_ERR = 3,
    WARNING = 4, WARN = 4, W = 4, SYS_WARN = 4,
    NOTICE = 5, NOTE = 5, N = 5, SYS_NOTICE = 5,
    INFO = 6, I = 6, SYS_INFO = 6, AUDIT = 6,
    DEBUG = 7, D = 7, TRACE = 7, DBG = 7, SYS_DEBUG = 7,
}

-- number returns the number of a word in any case; default when it is unknown.
function number(word, default)
    return numbers[word] or word and numbers[string.upper(word)] or default
end

return M
