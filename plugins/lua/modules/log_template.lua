-- Declarative grammars for rsyslog templates: the captures are named after the
-- message's headers, so that the engine fills the message without Lua.
local l = require "lpeg"
l.locale(l)
local string = require "string"
local tonumber = tonumber

local M = {}
setfenv(1, M)

local d = l.digit
local nl = l.P "\n"
local visible = l.R "!~"

local facility_of, severity_of = {}, {}
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

local severity_words = { debug = 7, info = 6, notice = 5, warning = 4, warn = 4, error = 3, err = 3, crit = 2,
    alert = 1, emerg = 0, panic = 0 }
local facility_words = { kern = 0, user = 1, mail = 2, daemon = 3, auth = 4, security = 4, syslog = 5, lpr = 6,
    news = 7, uucp = 8, cron = 9, authpriv = 10, ftp = 11, ntp = 12, audit = 13, local0 = 16, local1 = 17, local2 = 18,
    local3 = 19, local4 = 20, local5 = 21, local6 = 22, local7 = 23 }

local pri = l.Cg(l.S "01" * (l.R "08" * d + l.P "9" * l.S "01") + d * d ^ -1 * -d, "_pri")
    * l.Cg(l.Cb "_pri" / facility_of, "syslogfacility")
    * l.Cg(l.Cb "_pri" / severity_of, "Severity")
local host = l.Cg(visible ^ 1, "Hostname")
local tag = l.Cg((visible - l.S " :[") ^ 0, "programname") * (l.P "[" * l.Cg(d ^ 1, "Pid") * "]") ^ -1 * l.P ":" ^ -1
local digit_level = l.Cg(d / tonumber, "Severity")
local word_level = l.Cg(l.R "az" ^ 1 / severity_words, "Severity")

local dd = d * d
local bsd = l.Cg(l.alpha * l.alpha * l.alpha * l.P " " ^ 1 * d * d ^ -1 * l.P " " ^ 1 * dd * ":" * dd * ":" * dd, "Timestamp")
local iso = l.Cg(dd * dd * "-" * dd * "-" * dd * "T" * dd * ":" * dd * ":" * dd * (l.P "." * d ^ 1) ^ -1
    * (l.P "Z" + l.S "+-" * dd * ":" * dd), "Timestamp")
local times = { [""] = bsd, ["date-rfc3164"] = bsd, ["date-rfc3164-buggyday"] = bsd, ["date-rfc3339"] = iso }

-- the first line of the message, which ends with a line feed, and the record's
-- further lines; the last line feed is left out
local message = l.Cg((1 - nl) ^ 0 * #nl * (nl * (1 - nl * -1) ^ 1) ^ -1, "Payload")

local function field(name, patt) return l.Cg(patt, name) end

local properties = {
    pri = pri, hostname = host, fromhost = host, source = host, syslogtag = tag,
    programname = field("programname", (visible - l.S " :[") ^ 0),
    syslogseverity = digit_level, syslogpriority = digit_level,
    ["syslogseverity-text"] = word_level, ["syslogpriority-text"] = word_level,
    syslogfacility = field("syslogfacility", d ^ -3 / tonumber),
    ["syslogfacility-text"] = field("syslogfacility-text", (l.alpha * l.alnum ^ 0) / facility_words),
    ["app-name"] = field("app-name", visible ^ 1), procid = field("procid", visible ^ 1),
    msgid = field("msgid", visible ^ 1), inputname = field("inputname", visible ^ 0),
    ["protocol-version"] = field("protocol-version", d ^ 1),
}

local escapes = { n = "\n", r = "\r", t = "\t" }

-- literal makes a pattern of the text between two properties.
local function literal(text)
    text = string.gsub(text, "\\(.)", function(c) return escapes[c] or c end)
    local patt = l.P(true)
    for blank, rest in string.gmatch(text, "(%s?)([^%s]*)") do
        if blank ~= "" then patt = patt * l.space end
        patt = patt * l.P(rest)
    end
    return patt
end

-- build makes a grammar for a template; nil when the template holds something
-- that only the parser written in Lua knows. It must end with %msg% and a line feed.
function build(template)
    local body, end_options = string.match(template, "^(.*)%%[mM][sS][gG]:*([%w%-]*)%%\\n$")
    if not body then body, end_options = string.match(template, "^(.*)%%[mM][sS][gG]:*([%w%-]*)%%\n$") end
    if not body or end_options ~= "" and end_options ~= "drop-last-lf" then return nil end
    local grammar, at = l.P(true), 1
    while at <= #body do
        local from, to, inner = string.find(body, "%%([^%%]*)%%", at)
        if not from then from, to, inner = #body + 1, #body + 1, nil end
        local between = string.sub(body, at, from - 1)
        if between ~= "" then
            if string.find(between, "\\%d") then return nil end
            grammar = grammar * literal(between)
        end
        if inner then
            local name, options = string.match(inner, "^([%w%-$]+):*([%w%-]*)$")
            if not name then return nil end
            name, options = string.lower(name), string.lower(options)
            local patt = properties[name]
            if options == "sp-if-no-1st-sp" then
                patt = l.P " " ^ 1
            elseif name == "timestamp" or name == "timereported" or name == "timegenerated" then
                patt = times[options]
            elseif options ~= "" then
                return nil
            end
            if not patt then return nil end
            grammar = grammar * patt
        end
        at = to + 1
    end
    return grammar * message
end

return M
