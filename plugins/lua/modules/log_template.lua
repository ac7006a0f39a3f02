-- Declarative grammars for rsyslog templates: the captures are named after the
-- message's headers, so that the engine fills the message without Lua.
local l = require "lpeg"
l.locale(l)
local error = error
local string = require "string"
local tonumber = tonumber
local type = type

local M = {}
setfenv(1, M)

local d = l.digit
local nl = l.P "\n"
local visible = l.R "!~"

local facility_of, severity_of

-- number_priorities fills the tables, which a template without a priority does not need.
local function number_priorities()
    facility_of, severity_of = {}, {}
    for pri = 0, 191 do
        local text = string.format("%d", pri)
        facility_of[text] = (pri - pri % 8) / 8
        severity_of[text] = pri % 8
        if pri < 100 then
            text = string.format("%03d", pri)
            facility_of[text], severity_of[text] = (pri - pri % 8) / 8, pri % 8
        end
        if pri < 10 then
            text = string.format("%02d", pri)
            facility_of[text], severity_of[text] = facility_of[text] or (pri - pri % 8) / 8, pri % 8
        end
    end
end

local severity_words = { debug = 7, info = 6, notice = 5, warning = 4, warn = 4, error = 3, err = 3, crit = 2,
    alert = 1, emerg = 0, panic = 0 }
local facility_words = { kern = 0, user = 1, mail = 2, daemon = 3, auth = 4, security = 4, syslog = 5, lpr = 6,
    news = 7, uucp = 8, cron = 9, authpriv = 10, ftp = 11, ntp = 12, audit = 13, local0 = 16, local1 = 17, local2 = 18,
    local3 = 19, local4 = 20, local5 = 21, local6 = 22, local7 = 23 }

local digits = {}
for n = 0, 9 do digits[string.format("%d", n)] = n end

-- a severity is captured as "Severity", or as "_severity" where the message may have
-- a level of its own
local function priority(severity)
    if not facility_of then number_priorities() end
    return l.Cg(l.S "01" * (l.R "08" * d + l.P "9" * l.S "01") + d * d ^ -1 * -d, "_pri")
        * l.Cg(l.Cb "_pri" / facility_of, "syslogfacility")
        * l.Cg(l.Cb "_pri" / severity_of, severity)
end

local function digit_level(severity) return l.Cg(d / digits, severity) end
local function word_level(severity) return l.Cg(l.R "az" ^ 1 / severity_words, severity) end

local host = l.Cg(visible ^ 1, "Hostname")
local tag = l.Cg((visible - l.S " :[") ^ 0, "programname") * (l.P "[" * l.Cg(d ^ 1, "Pid") * "]") ^ -1 * l.P ":" ^ -1

local dd = d * d
local clock = dd * ":" * dd * ":" * dd
local bsd = l.alpha * l.alpha * l.alpha * l.P " " ^ 1 * d * d ^ -1 * l.P " " ^ 1 * clock
local mysql = l.C(dd * dd) * l.C(dd) * l.C(dd) * l.C(dd) * l.C(dd) * l.C(dd) / "%1-%2-%3 %4:%5:%6"
local dates = {
    ["date-rfc3164"] = bsd, ["date-rfc3164-buggyday"] = bsd,
    ["date-rfc3339"] = dd * dd * "-" * dd * "-" * dd * "T" * clock * (l.P "." * d ^ 1) ^ -1
        * (l.P "Z" + l.S "+-" * dd * ":" * dd),
    ["date-mysql"] = mysql, ["date-pgsql"] = dd * dd * "-" * dd * "-" * dd * " " * clock,
    ["date-unixtimestamp"] = d ^ 1,
}

-- captures is the global captures of a decoder with such a grammar.
captures = {
    _generated = { to = "Timestamp", weak = true },
    _severity = { to = "Severity", weak = true },
    _raw = { to = "Payload", weak = true },
    ["_structured-data"] = { format = "structured_data" },
}
types = { syslogfacility = "number" }

local function field(name, patt) return l.Cg(patt, name) end
local function date(name)
    return function(_, options) return l.Cg(dates[options] or bsd, name) end
end

local word = l.P "-" + visible ^ 1
local sd_name = (visible - l.S '=]" ') ^ 1
local sd_element = l.P "[" * sd_name * (l.P " " * sd_name * '="' * (l.P "\\" * 1 + (1 - l.S '"\\')) ^ 0 * '"') ^ 0 * "]"
local facility_name = l.alpha * l.alnum ^ 0

local properties = {
    pri = priority, hostname = host, fromhost = host, source = host, syslogtag = tag,
    programname = field("programname", (visible - l.S " :[") ^ 0),
    ["fromhost-ip"] = field("fromhost-ip", (l.xdigit + l.S ".:") ^ 1),
    ["pri-text"] = function(severity)
        return l.R "az" ^ 1 * l.alnum ^ 0 * "." * l.alpha ^ 1 * "<" * priority(severity) * ">"
    end,
    iut = field("iut", d ^ 1),
    syslogseverity = digit_level, syslogpriority = digit_level,
    ["syslogseverity-text"] = word_level, ["syslogpriority-text"] = word_level,
    syslogfacility = field("syslogfacility", d ^ -3),
    ["syslogfacility-text"] = field("syslogfacility-text", facility_name / facility_words),
    timestamp = date "Timestamp", timereported = date "Timestamp", timegenerated = date "_generated",
    ["app-name"] = field("app-name", word), procid = field("procid", word),
    msgid = field("msgid", word), inputname = field("inputname", visible ^ 0),
    ["protocol-version"] = field("protocol-version", d ^ 1),
    ["structured-data"] = l.P "-" + field("_structured-data", sd_element ^ 1),
    rawmsg = field("_raw", (1 - nl * -1) ^ 0) * nl ^ -1,
    ["$bom"] = l.P "\239\187\191", ["$now"] = field("$now", dd * dd * "-" * dd * "-" * dd),
    ["$year"] = field("$year", dd * dd), ["$month"] = field("$month", dd), ["$day"] = field("$day", dd),
    ["$hour"] = field("$hour", dd), ["$minute"] = field("$minute", dd),
    ["$hhour"] = field("$hhour", "0" * l.S "01"), ["$qhour"] = field("$qhour", "0" * l.R "03"),
}

-- the message as a template's last property: the line that it begins with ends with
-- a line feed; the record's further lines belong to it, and the last line feed
-- does not
local whole = l.Cg((1 - nl) ^ 0 * #nl * (nl * (1 - nl * -1) ^ 1) ^ -1, "Payload")

local escapes = { a = "\7", b = "\8", f = "\12", n = "\n", r = "\r", t = "\t", v = "\11" }

-- literal makes a pattern of the text between two properties; a blank stands for
-- any. It also returns the text's last character.
local function literal(text)
    text = string.gsub(text, "\\(%d%d?%d?)", function(code) return string.char(tonumber(code) % 256) end)
    text = string.gsub(text, "\\(.)", function(c) return escapes[c] or c end)
    local patt = l.P(true)
    for blank, rest in string.gmatch(text, "(%s?)([^%s]*)") do
        if blank ~= "" then patt = patt * l.space end
        patt = patt * l.P(rest)
    end
    return patt, string.sub(text, -1)
end

-- further is what follows a template's line: it is appended to the message.
local further = l.Cg(l.Cb "_message" * l.C((1 - nl * -1) ^ 1) / "%1\n%2", "Payload") * nl ^ -1
    + l.Cg(l.Cb "_message", "Payload")

-- build makes the grammar of a template. head, which may be nil, is what messages may
-- begin with: it is no part of them.
function build(template, head)
    local grammar, at, stop, has_message = l.P(true), 1, "\n", false
    local severity = head and "_severity" or "Severity"
    while at <= #template do
        local from, to, name, options = string.find(template, "%%([%w%-$]+):?([^%%]*)%%", at)
        local between = string.sub(template, at, (from or #template + 1) - 1)
        if between ~= "" then
            local patt, last = literal(between)
            grammar, stop = grammar * patt, last
        end
        if not from then break end
        name, options = string.lower(name), string.lower(string.match(options, "[^:]*$"))
        local rest = string.sub(template, to + 1)
        if options == "sp-if-no-1st-sp" then
            grammar = grammar * (l.P " " ^ 1 + l.B(l.P " ") * #nl) -- neither tag nor message
        elseif name == "msg" and (rest == "\\n" or rest == "\n") then
            return grammar * (head and head * whole + whole or whole)
        elseif name == "msg" then
            grammar, has_message = grammar * l.Cg((1 - l.P(stop)) ^ 0, "_message"), true
        else
            local patt = properties[name] or error("invalid rsyslog property: '" .. name .. "'")
            grammar = grammar * (type(patt) == "function" and patt(severity, options) or patt)
        end
        stop, at = "\n", to + 1
    end
    return has_message and grammar * further or grammar * l.Cg(l.Cc "", "_raw")
end

return M
