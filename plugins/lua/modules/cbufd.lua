-- Grammar for the delta text of a circular buffer: a JSON header line, then
-- rows of "epoch seconds TAB value TAB value...". It yields {header = text,
-- {time = ns, v1, v2, ...}, ...}.
local l = require "lpeg"
l.locale(l)
local tonumber = tonumber

local M = {}
setfenv(1, M)

local eol = l.P "\n"
local time = l.digit ^ 1 / "%0000000000" / tonumber
local number = l.P "-" ^ -1 * l.digit ^ 1 * (l.P "." * l.digit ^ 1) ^ -1 / tonumber
local nan = l.P "nan" / function() return 0 / 0 end
local row = l.Ct(l.Cg(time, "time") * (l.P "\t" * (number + nan)) ^ 1 * eol)

grammar = l.Ct(l.Cg((1 - eol) ^ 1, "header") * eol * row ^ 1) * -1

return M
