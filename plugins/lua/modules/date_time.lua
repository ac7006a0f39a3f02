-- Grammars for dates and times, and their conversion to nanoseconds since the
-- epoch. Every named capture is a key of the table that time_to_ns takes: year,
-- month, day, hour, min, sec (text), sec_frac, offset_hour, offset_min
-- (numbers), offset_sign, period ("AM", "PM") and time_t (seconds).
local l = require "lpeg"
l.locale(l)
local os = require "os"
local string = require "string"
local error = error
local ipairs = ipairs
local tonumber = tonumber

local M = {}
setfenv(1, M) -- what follows is the module's interface unless it is local

local function as(name, patt) return l.Cg(patt, name) end

local function hour_of(t)
    local hour = tonumber(t.hour)
    if t.period == "AM" and hour == 12 then return 0 end
    if t.period == "PM" and hour < 12 then return hour + 12 end
    return hour
end

-- time_to_ns turns a table of captures into nanoseconds, UTC. A table os.time
-- refuses, and nil, give 0.
function time_to_ns(t)
    if not t then return 0 end
    if t.time_t then return t.time_t * 1e9 end
    local shift = 0
    if t.offset_hour then
        shift = t.offset_hour * 3600 + t.offset_min * 60
        if t.offset_sign == "+" then shift = -shift end
    end
    if t.period then t.hour = hour_of(t) end
    local seconds = os.time(t)
    if not seconds then return 0 end
    return (seconds + (t.sec_frac or 0) + shift) * 1e9
end

-- seconds_to_ns turns text or a number of seconds into nanoseconds.
function seconds_to_ns(sec)
    return tonumber(sec) * 1e9
end

local d = l.digit

-- alternatives joins words into a choice; with numbers, each word yields its
-- position as text.
local function alternatives(words, numbered)
    local patt
    for i, word in ipairs(words) do
        local one = l.P(word)
        if numbered then one = one / string.format("%d", i) end
        patt = patt and patt + one or one
    end
    return patt
end

local months_short = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" }
local months_long = { "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December" }

date_fullyear = as("year", d * d * d * d)
date_month = as("month", l.P "0" * l.R "19" + l.P "1" * l.R "02")
date_mabbr = as("month", alternatives(months_short, true))
date_mfull = as("month", alternatives(months_long, true))
date_mday = as("day", l.P "0" * l.R "19" + l.R "12" * d + l.P "3" * l.R "01")
date_mday_sp = as("day", l.P " " * l.R "19" + l.R "12" * d + l.P "3" * l.R "01")
time_hour = as("hour", l.R "01" * d + l.P "2" * l.R "03")
time_minute = as("min", l.R "05" * d)
time_second = as("sec", l.R "05" * d + l.P "60") -- 60 is a leap second
time_secfrac = as("sec_frac", l.P "." * d ^ 1 / tonumber)

-- zone makes a pattern for a time zone's name that yields its offset.
local function zone(name, sign, hour)
    return l.P(name) * as("offset_sign", l.Cc(sign)) * as("offset_hour", l.Cc(hour)) * as("offset_min", l.Cc(0))
end

-- timezone knows the North American names and UTC; another name of up to five
-- letters, and no name at all, count as UTC.
timezone = zone("UTC", "+", 0)
    + zone("PST", "-", 8) + zone("PDT", "-", 7)
    + zone("MST", "-", 7) + zone("MDT", "-", 6)
    + zone("CST", "-", 6) + zone("CDT", "-", 5)
    + zone("EST", "-", 5) + zone("EDT", "-", 4)
    + zone(l.alpha ^ -5, "+", 0)

local sign = as("offset_sign", l.S "+-")
local offset_hour = as("offset_hour", (l.R "01" * d + l.P "2" * l.R "03") / tonumber)
local offset_minute = as("offset_min", l.R "05" * d / tonumber)
timezone_offset = sign * offset_hour * offset_minute

rfc3339_time_numoffset = sign * offset_hour * ":" * offset_minute
rfc3339_time_offset = l.P "Z" + rfc3339_time_numoffset
rfc3339_partial_time = time_hour * ":" * time_minute * ":" * time_second * time_secfrac ^ -1
rfc3339_full_date = date_fullyear * "-" * date_month * "-" * date_mday
rfc3339_full_time = rfc3339_partial_time * rfc3339_time_offset
rfc3339 = l.Ct(rfc3339_full_date * "T" * rfc3339_full_time)

local century = string.sub(os.date("%Y"), 1, 2)
local short_year = as("year", d * d / function(yy) return century .. yy end)
local clock = time_hour * ":" * time_minute * ":" * time_second
local us_date = date_month * "/" * date_mday * "/" * short_year
local day_short = alternatives { "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun" }
local day_long = alternatives { "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday" }
local week = l.R "04" * d + l.P "5" * l.R "03"
local hour12 = as("hour", l.P "0" * d + l.P "1" * l.R "02")
local period = as("period", l.P "AM" + "PM")

local specifiers = {
    a = day_short,
    A = day_long,
    b = date_mabbr,
    B = date_mfull,
    c = day_short * " " * date_mabbr * " " * date_mday_sp * " " * clock * " " * date_fullyear,
    C = d * d,
    d = date_mday,
    D = us_date,
    e = date_mday_sp,
    f = as("sec_frac", d ^ 1 / function(digits) return tonumber("." .. digits) end),
    F = rfc3339_full_date,
    g = short_year,
    G = date_fullyear,
    h = date_mabbr,
    H = time_hour,
    I = hour12,
    j = l.P "00" * l.R "19" + l.P "0" * d * d + l.S "12" * d * d + l.P "3" * l.R "05" * d + l.P "36" * l.R "06",
    k = as("hour", l.S " 1" * d + l.P "2" * l.R "03"),
    l = as("hour", l.space * d + l.P "1" * l.R "02"),
    m = date_month,
    M = time_minute,
    n = l.P "\n",
    p = period,
    r = hour12 * ":" * time_minute * ":" * time_second * " " * period,
    R = time_hour * ":" * time_minute,
    s = as("time_t", d ^ 1 / tonumber),
    S = as("sec", l.R "05" * d + l.P "6" * l.S "01"),
    t = l.P "\t",
    T = clock,
    u = l.R "17",
    U = week,
    V = week,
    w = l.R "06",
    W = week,
    x = us_date,
    X = clock,
    y = short_year,
    Y = date_fullyear,
    z = timezone_offset,
    Z = timezone,
    ["%"] = l.P "%",
}

local function specifier(letter)
    return specifiers[letter] or error("unknown strftime specifier: " .. letter)
end

-- build_strftime_grammar makes a grammar from a strftime format. White space in
-- the format is one white space character in the text.
function build_strftime_grammar(format)
    local blank = l.space / function() return l.space end
    local variable = l.P "%" * ((l.alnum + "%") / specifier)
    local literal = (1 - (blank + variable)) ^ 1 / function(text) return l.P(text) end
    local pieces = l.Ct((blank + variable + literal) ^ 1):match(format)
    if not pieces then error("could not parse the strftime format") end
    local grammar = l.P(true)
    for _, piece in ipairs(pieces) do grammar = grammar * piece end
    return l.Ct(grammar)
end

-- clf_timestamp is the time of the common log format: 10/Oct/2000:13:55:36 -0700
clf_timestamp = l.Ct(date_mday * "/" * date_mabbr * "/" * date_fullyear * ":" * clock * " " * timezone_offset)

local blanks = l.P " " ^ 1
local this_year = as("year", l.Cc "" / function() return os.date("%Y") end)

-- rfc3164_timestamp is the time of a BSD syslog line (Feb  9 17:18:19), taken
-- to be of the current year.
rfc3164_timestamp = l.Ct(date_mabbr * blanks * as("day", d ^ -2) * blanks * clock * this_year)

-- mysql_timestamp is rsyslog's date-mysql: 20000101130000
mysql_timestamp = l.Ct(date_fullyear * date_month * date_mday * time_hour * time_minute * time_second)

-- pgsql_timestamp is rsyslog's date-pgsql: 2000-01-01 13:00:00
pgsql_timestamp = l.Ct(rfc3339_full_date * " " * clock)

return M
