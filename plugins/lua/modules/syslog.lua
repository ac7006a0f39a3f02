-- Grammars for lines written by rsyslog, made from the template that wrote them.
local l = require "lpeg"
l.locale(l)
local math = require "math"
local string = require "string"
local dt = require "date_time"
local ip = require "ip_address"
local error = error
local ipairs = ipairs
local rawset = rawset
local tonumber = tonumber
local type = type

local M = {}
setfenv(1, M)

-- words makes a choice of words, all lower or all upper case, that yields the
-- number beside each.
local function words(list)
    local patt
    for _, pair in ipairs(list) do
        local word = (l.P(pair[1]) + string.upper(pair[1])) / string.format("%d", pair[2])
        patt = patt and patt + word or word
    end
    return patt / tonumber
end

-- severity yields the number of a syslog severity word.
severity = words {
    { "debug", 7 }, { "info", 6 }, { "notice", 5 }, { "warning", 4 }, { "warn", 4 }, { "error", 3 }, { "err", 3 },
    { "crit", 2 }, { "alert", 1 }, { "emerg", 0 }, { "panic", 0 },
}

local facility = words {
    { "kern", 0 }, { "user", 1 }, { "mail", 2 }, { "daemon", 3 }, { "authpriv", 10 }, { "auth", 4 },
    { "security", 4 }, { "syslog", 5 }, { "lpr", 6 }, { "news", 7 }, { "uucp", 8 }, { "cron", 9 }, { "ftp", 11 },
    { "ntp", 12 }, { "audit", 13 }, { "alert", 14 }, { "clock", 15 }, { "local0", 16 }, { "local1", 17 },
    { "local2", 18 }, { "local3", 19 }, { "local4", 20 }, { "local5", 21 }, { "local6", 22 }, { "local7", 23 },
}

local digit = l.R "09"
local visible = l.R "!~"
local absent = l.P "-"
local hostname = absent + visible ^ -255
local programname = (visible - l.S " :[") ^ 0

local pri = digit * digit ^ -2 / function(text)
    local n = tonumber(text)
    return { facility = math.floor(n / 8), severity = n % 8 }
end

-- structured data of RFC 5424: {id = name, _param = value, ...}
local sd_name = (visible - l.S '=]" ') ^ -32
local sd_value = ((1 - l.S '"\\') + l.P "\\" * 1) ^ 0 / function(text)
    local plain = string.gsub(text, '\\([]"\\])', "%1")
    return plain
end
local sd_id = l.Cg(l.Cc "id" * l.C(sd_name))
local sd_param = l.Cg(sd_name / "_%0" * '="' * sd_value * '"')
local sd_element = l.P "[" * l.Cf(l.Ct "" * sd_id * (l.P " " * sd_param) ^ 0, rawset) * "]"

local dates = {
    ["date-rfc3164"] = dt.rfc3164_timestamp / dt.time_to_ns,
    ["date-rfc3164-buggyday"] = dt.rfc3164_timestamp / dt.time_to_ns,
    ["date-mysql"] = dt.mysql_timestamp / dt.time_to_ns,
    ["date-pgsql"] = dt.pgsql_timestamp / dt.time_to_ns,
    ["date-rfc3339"] = dt.rfc3339 / dt.time_to_ns,
    ["date-unixtimestamp"] = digit ^ 1 / dt.seconds_to_ns,
    ["date-subseconds"] = digit ^ 1 / tonumber,
}

local function date(property)
    if property.name == "timereported" then property.name = "timestamp" end
    return property.options and dates[string.lower(property.options)] or dates["date-rfc3164"]
end

local level = digit / tonumber

local properties = {
    rawmsg = l.P(1) ^ 0,
    hostname = hostname,
    source = hostname,
    fromhost = hostname,
    ["fromhost-ip"] = ip.v4 + ip.v6,
    syslogtag = l.Ct(l.Cg(programname, "programname")
        * (l.P "[" * l.Cg(l.digit ^ 1 / tonumber, "pid") * "]") ^ -1 * l.P ":" ^ -1),
    programname = programname,
    pri = pri,
    ["pri-text"] = facility * "." * severity * "<" * pri * ">",
    iut = digit ^ 1,
    syslogfacility = digit ^ -3 / tonumber,
    ["syslogfacility-text"] = facility,
    syslogseverity = level,
    ["syslogseverity-text"] = severity,
    syslogpriority = level,
    ["syslogpriority-text"] = severity,
    timegenerated = date,
    timereported = date,
    timestamp = date,
    ["protocol-version"] = digit ^ 1,
    ["structured-data"] = l.Ct "" * absent + sd_element,
    ["app-name"] = absent + visible ^ -48,
    procid = absent + visible ^ -128,
    msgid = absent + visible ^ -32,
    inputname = visible ^ 0,
    ["$bom"] = l.P "\239\187\191",
    ["$now"] = dt.rfc3339_full_date,
    ["$year"] = dt.date_fullyear,
    ["$month"] = dt.date_month,
    ["$day"] = dt.date_mday,
    ["$hour"] = dt.time_hour,
    ["$hhour"] = l.P "0" * l.S "01",
    ["$qhour"] = l.P "0" * l.R "03",
    ["$minute"] = dt.time_minute,
}

local escapes = {
    ["\\"] = "\\", ['"'] = '"', ["'"] = "'", ["%"] = "%", a = "\7", b = "\8", f = "\12", n = "\n", r = "\r",
    t = "\t", v = "\11",
}
local unescape = l.Cs((l.P "\\" * l.C(l.S "tnr\"'\\%abfv") / escapes
    + l.P "\\" * l.C(digit * digit ^ -2) / function(code) return string.char(tonumber(code) % 256) end + 1) ^ 0)

-- build_rsyslog_grammar makes a grammar from an rsyslog template. Its captures
-- are named after the properties, in lower case. %msg% ends at the last
-- character of the literal in front of it, at a line feed otherwise.
function build_rsyslog_grammar(template)
    local stop = "\n"

    local function property(p)
        if p.options == "sp-if-no-1st-sp" then return l.P " " ^ 1 end
        p.name = string.lower(p.name)
        local patt = properties[p.name]
        if p.name == "msg" then patt = (1 - l.P(stop)) ^ 0 end
        if not patt then error(string.format("invalid rsyslog property: '%s'", p.name)) end
        if type(patt) == "function" then patt = patt(p) end
        stop = "\n"
        return l.Cg(patt, p.name)
    end

    local function literal(text)
        text = unescape:match(text)
        stop = string.sub(text, -1)
        return l.P(text)
    end

    local range = l.P ":" * l.Cg((1 - l.P ":") ^ 0, "fromchar") * ":" * l.Cg((1 - l.S ":%") ^ 0, "tochar")
    local options = l.P ":" * l.Cg((1 - l.P "%") ^ 0, "options")
    local name = l.Cg((l.alnum + l.S "-$") ^ 1, "name")
    local variable = l.P "%" * l.Ct(name * range ^ -1 * options ^ -1) * "%"
    local blank = l.space / function() return l.space end
    local item = blank + variable / property + (1 - (l.space + variable)) ^ 1 / literal

    local pieces = l.Ct(item ^ 1):match(template)
    if not pieces then error("could not parse the rsyslog template") end
    local grammar = l.P(true)
    for _, piece in ipairs(pieces) do grammar = grammar * piece end
    return l.Ct(grammar)
end

return M
