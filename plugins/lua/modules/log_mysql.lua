-- What the query logs of MySQL and MariaDB share: their times, and the three lines
-- that a server begins a file with.
local l = require "lpeg"
l.locale(l)
local g = require "log_grammar"

local M = {}
setfenv(1, M)

local d = l.digit
local nl = l.P "\n"

-- time is YYMMDD H:MM:SS, or ISO 8601 from MySQL 5.7 on.
time = d * d * d * d * d * d * l.P " " ^ 1 * d * d ^ -1 * ":" * d * d * ":" * d * d + g.stamp

-- banner begins a record of its own.
banner = (1 - l.S ",\n") ^ 1 * ", Version: " * (1 - (nl + "started with:")) ^ 1 * "started with:"

return M
