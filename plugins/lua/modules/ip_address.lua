-- Grammars for IP addresses (v6: the productions of RFC 3986, appendix A). They
-- match at the start of the text and look no further than the address.
local l = require "lpeg"
l.locale(l)

local M = {}
setfenv(1, M)

local d = l.digit
-- at most 255, as many digits as there are: each digit decides by itself what may follow
local octet = l.P "1" * d ^ -2 + l.P "2" * (l.R "04" * d ^ -1 + l.P "5" * l.R "05" ^ -1 + l.R "69") ^ -1
    + l.R "39" * d ^ -1 + "0"

v4 = octet * "." * octet * "." * octet * "." * octet

local h16 = l.xdigit * l.xdigit ^ -3
local group = h16 * ":"
local low32 = group * h16 + v4

-- after is what may follow a "::" that stands for the rest: n groups and 32 bits.
local function groups(n)
    local patt = l.P(true)
    for _ = 1, n do patt = patt * group end
    return patt
end

-- upto is up to n+1 groups followed by the second colon of a "::".
local function upto(n)
    return (group * group ^ -n + ":") * ":"
end

v6 = groups(6) * low32
    + l.P "::" * groups(5) * low32
    + h16 ^ -1 * "::" * groups(4) * low32
    + upto(1) * groups(3) * low32
    + upto(2) * groups(2) * low32
    + upto(3) * groups(1) * low32
    + upto(4) * low32
    + upto(5) * h16
    + upto(6)

return M
