-- Times of log lines: grammars that capture the text, and a conversion that
-- remembers the last second, because neighbouring lines share it.
--
-- A time that carries its own offset is final; one that does not is local time
-- of the decoder's tz (UTC by default), which the host applies. Conversions
-- return which of the two it was as their second result.
local l = require "lpeg"
l.locale(l)
local math = require "math"
local os = require "os"
local string = require "string"
local tonumber = tonumber
local type = type

local M = {}
setfenv(1, M)

local d = l.digit
local date = d * d * d * d * "-" * (l.P "0" * l.R "19" + l.P "1" * l.R "02") * "-"
    * (l.P "0" * l.R "19" + l.R "12" * d + l.P "3" * l.R "01")
local clock = (l.R "01" * d + l.P "2" * l.R "03") * ":" * l.R "05" * d * ":" * (l.R "05" * d + l.P "60")
local offset = l.P "Z" + l.S "+-" * (l.R "01" * d + l.P "2" * l.R "03") * l.P ":" ^ -1 * l.R "05" * d

-- stamp captures date (19 characters), frac (digits) and zone: the general time
-- YYYY-MM-DD HH:MM:SS[.digits][offset], with a blank, T or _ in the middle.
stamp = l.Cg(date * (l.space + l.S "T_") * clock, "date")
    * (l.P "." * l.Cg(d ^ 1, "frac")) ^ -1
    * l.Cg(offset, "zone") ^ -1

time_of_day = clock

local month_days = { 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334 }

-- civil returns the seconds since the epoch of a date and a time, UTC.
function civil(year, month, day, hour, min, sec)
    local leap_year = month > 2 and year or year - 1
    local days = (year - 1970) * 365 + math.floor(leap_year / 4) - math.floor(leap_year / 100)
        + math.floor(leap_year / 400) - 477 + month_days[month] + day - 1
    return ((days * 24 + hour) * 60 + min) * 60 + sec
end

local last_text, last_seconds

-- seconds converts "YYYY-MM-DD?HH:MM:SS".
function seconds(text)
    if text == last_text then return last_seconds end
    local y1, y2, y3, y4, _, m1, m2, _, d1, d2, _, h1, h2, _, n1, n2, _, s1, s2 = string.byte(text, 1, 19)
    last_seconds = civil(
        y1 * 1000 + y2 * 100 + y3 * 10 + y4 - 53328,
        m1 * 10 + m2 - 528, d1 * 10 + d2 - 528, h1 * 10 + h2 - 528, n1 * 10 + n2 - 528, s1 * 10 + s2 - 528)
    last_text = text
    return last_seconds
end

-- zone_seconds converts Z, +HH:MM or +HHMM.
function zone_seconds(zone)
    if zone == "Z" then return 0 end
    local sign, hours, minutes = string.match(zone, "^([+-])(%d%d):?(%d%d)$")
    local shift = tonumber(hours) * 3600 + tonumber(minutes) * 60
    return sign == "-" and -shift or shift
end

-- to_ns converts the captures of a stamp.
function to_ns(m)
    local ns = seconds(m.date) * 1e9
    if m.frac then ns = ns + math.floor(tonumber("0." .. m.frac) * 1e9 + 0.5) end
    if m.zone then return ns - zone_seconds(m.zone) * 1e9, true end
    return ns, false
end

-- exact returns ns so that it reaches a message exactly: near today a number holds
-- ns only to 256, which would turn .250 s into .249999872. What is no whole second
-- is rounded to microseconds and passed as text.
function exact(ns)
    if type(ns) ~= "number" or ns % 1e9 == 0 then return ns end
    return string.format("%.0f000", math.floor(ns / 1e3 + 0.5))
end

local whole = l.Ct(stamp) * -1

-- parse converts a text that is a general time and nothing else; nil if it is not.
function parse(text)
    local m = whole:match(text)
    if m then return to_ns(m) end
end

-- canonical rewrites a general time as YYYY-MM-DDTHH:MM:SS.ffffff+HH:MM; nil for
-- any other text.
function canonical(text)
    local m = whole:match(text)
    if not m then return nil end
    local zone = m.zone or "Z"
    if zone == "Z" then
        zone = "+00:00"
    elseif #zone == 5 then
        zone = string.sub(zone, 1, 3) .. ":" .. string.sub(zone, 4)
    end
    return string.sub(m.date, 1, 10) .. "T" .. string.sub(m.date, 12) .. "."
        .. string.sub((m.frac or "") .. "000000", 1, 6) .. zone
end

local months = {
    Jan = 1, Feb = 2, Mar = 3, Apr = 4, May = 5, Jun = 6, Jul = 7, Aug = 8, Sep = 9, Oct = 10, Nov = 11, Dec = 12,
}

month = l.P "Jan" + "Feb" + "Mar" + "Apr" + "May" + "Jun" + "Jul" + "Aug" + "Sep" + "Oct" + "Nov" + "Dec"

-- bsd captures month, day and time of a time without a year: Mar 13 04:00:02
bsd = l.Cg(month, "month") * l.P " " ^ 1 * l.Cg(d * d ^ -1, "day") * l.P " " ^ 1 * l.Cg(clock, "time")
    * (l.P "." * l.Cg(d ^ 1, "frac")) ^ -1

local days_of = { 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 }

local function leap(year)
    return year % 4 == 0 and (year % 100 ~= 0 or year % 400 == 0)
end

-- in_year returns the latest ns that month, day and seconds of the day can mean:
-- at most a day ahead, so that a line of 31 December read on 1 January belongs to
-- the year before; 29 February belongs to a leap year.
local function in_year(year, month, day, seconds_of_day, ns)
    local limit = (os.time() + 86400) * 1e9
    for y = year + 1, year - 8, -1 do
        if month ~= 2 or day < 29 or leap(y) then
            local t = (civil(y, month, day, 0, 0, 0) + seconds_of_day) * 1e9 + ns
            if t <= limit then return t end
        end
    end
end

-- settle moves a time of the current year into the year that in_year says.
function settle(ns)
    local s = math.floor(ns / 1e9)
    local t = os.date("!*t", s)
    return in_year(t.year, t.month, t.day, s % 86400, ns - s * 1e9)
end

-- from_parts converts captures named month (word), day, time and perhaps year and
-- frac; nil when they are no date. Without a year it is the current one, settled.
function from_parts(m)
    local day, month = tonumber(m.day), months[m.month]
    if not day or day < 1 or day > days_of[month] then return nil end
    local h, n, s = string.match(m.time, "^(%d%d):(%d%d):(%d%d)")
    local second = (tonumber(h) * 60 + tonumber(n)) * 60 + tonumber(s)
    local fraction = m.frac and math.floor(tonumber("0." .. m.frac) * 1e9 + 0.5) or 0
    if not m.year then return in_year(tonumber(os.date("!%Y")), month, day, second, fraction) end
    local year = tonumber(m.year)
    if month == 2 and day == 29 and not leap(year) then return nil end
    return (civil(year, month, day, 0, 0, 0) + second) * 1e9 + fraction
end

-- abbreviations of time zones, in seconds east of UTC. CST is North America's.
abbreviations = {
    UTC = 0, GMT = 0, WET = 0, WEST = 3600, BST = 3600, CET = 3600, CEST = 7200, EET = 7200, EEST = 10800,
    MSK = 10800, IST = 19800, JST = 32400, KST = 32400, AEST = 36000, AEDT = 39600,
    EST = -18000, EDT = -14400, CST = -21600, CDT = -18000, MST = -25200, MDT = -21600, PST = -28800, PDT = -25200,
}

-- shift applies the abbreviation of a zone to local ns; an unknown one leaves the
-- time local.
function shift(ns, abbreviation)
    local east = abbreviations[abbreviation]
    if not east then return ns, false end
    return ns - east * 1e9, true
end

return M
