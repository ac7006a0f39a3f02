-- Pieces that declarative decoders share. The names of the groups are those of
-- the message; the engine reads the times.
local l = require "lpeg"
l.locale(l)

local M = {}
setfenv(1, M)

local d = l.digit
local dd = d * d
local nl = l.P "\n"
local day = dd * dd * "-" * dd * "-" * dd
local clock = dd * ":" * dd * ":" * dd
local frac = (l.S ".," * d ^ 1) ^ -1
local offset = (l.P "Z" + l.S "+-" * dd * l.P ":" ^ -1 * dd) ^ -1

-- stamp is the general time, also with a comma before the fraction.
stamp = day * (l.space + l.S "T_") * clock * frac * offset
timestamp = l.Cg(stamp, "Timestamp")

time_of_day = clock * frac
month = l.P "Jan" + "Feb" + "Mar" + "Apr" + "May" + "Jun" + "Jul" + "Aug" + "Sep" + "Oct" + "Nov" + "Dec"

pid = l.Cg(d ^ 1, "Pid")

-- to_end is the rest of the record without its last line feed.
to_end = (1 - nl) ^ 0 * (nl * #l.P(1) * (1 - nl) ^ 0) ^ 0
payload = l.Cg(to_end, "Payload")

-- search finds a pattern anywhere.
function search(patt)
    return l.P { patt + 1 * l.V(1) }
end

return M
