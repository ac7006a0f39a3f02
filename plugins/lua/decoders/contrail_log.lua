-- Contrail's Python services:
--   03/13/2017 03:40:47 AM [contrail-alarm-gen]: text
-- The month may be a name, short or long. Any other line is an error message of
-- its own.
local l = require "lpeg"
l.locale(l)
local g = require "log_grammar"

local d = l.digit
local months = l.P(false)
for _, name in ipairs { "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December" } do
    months = months + name + string.sub(name, 1, 3)
end
local month = l.P "0" * l.R "19" + l.P "1" * l.R "02" + months
local day = l.P "0" * l.R "19" + l.R "12" * d + l.P "3" * l.R "01"
local clock = (l.P "0" * d + l.P "1" * l.R "02") * ":" * l.R "05" * d * ":" * (l.R "05" * d + l.P "60") * " " * l.S "AP" * "M"
local stamp = l.Cg(month * "/" * day * "/" * d * d * d * d * " " * clock, "Timestamp")

grammar = stamp * l.space * "[" * l.Cg((l.alnum + l.S "._-") ^ 1, "programname") * "]:" * l.space
        * l.Cg(l.Cc(6), "Severity") * g.payload
    + l.Cg(l.Cc(3), "Severity") * g.payload

defaults = { Type = "log" }
