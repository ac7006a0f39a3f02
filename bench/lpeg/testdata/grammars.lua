-- Grammars of three kinds of log lines, in the style of decoder modules.
-- make(lpeg, bare) returns them by name; bare leaves the captures out.
local function make(l, bare)
    l.locale(l)
    local P, R, S = l.P, l.R, l.S
    local function C(p) if bare then return p end return l.C(p) end
    local function Cg(p, name) if bare then return p end return l.Cg(p, name) end
    local function Ct(p) if bare then return p end return l.Ct(p) end
    local function num(p) if bare then return p end return p / tonumber end

    local sp, digit, xdigit = P" ", l.digit, l.xdigit
    local function n(k) return digit^k - digit^(k + 1) end
    local d2 = digit * digit
    local d4 = d2 * d2

    -- 2025-03-12 10:00:00.000
    local date = Cg(d4, "year") * "-" * Cg(d2, "month") * "-" * Cg(d2, "day")
    local time = Cg(d2, "hour") * ":" * Cg(d2, "min") * ":" * Cg(d2, "sec") * ("." * Cg(digit^1, "frac"))^-1
    local stamp = Ct(date * S" T" * time)

    local hex4 = xdigit * xdigit * xdigit * xdigit
    local uuid = hex4 * hex4 * "-" * hex4 * "-" * hex4 * "-" * hex4 * "-" * hex4 * hex4 * hex4
    local word = (1 - S" ]")^1
    local id = P"-" + Cg(word, "user")
    local context = "[" * (P"-" + "req-" * Cg(uuid, "request_id")
        * (sp * (P"-" + Cg(word, "user_id")) * sp * (P"-" + Cg(word, "tenant_id")) * (sp * word)^0)^-1) * "]"
    local level = P"DEBUG" + "INFO" + "AUDIT" + "WARNING" + "TRACE" + "ERROR" + "CRITICAL"
    local openstack = Ct(Cg(stamp, "Timestamp") * sp * Cg(num(digit^1), "Pid") * sp
        * Cg(level, "Severity") * sp * Cg((1 - sp)^1, "module") * sp
        * (context * sp)^-1 * Cg(P(1)^0, "Message")) * -1

    -- <62>Mar 12 10:00:00 host program[pid]: text
    local month = P"Jan" + "Feb" + "Mar" + "Apr" + "May" + "Jun" + "Jul" + "Aug" + "Sep" + "Oct" + "Nov" + "Dec"
    local rfc3164 = Ct(Cg(month, "month") * sp * Cg(d2 + sp * digit, "day") * sp
        * Cg(d2, "hour") * ":" * Cg(d2, "min") * ":" * Cg(d2, "sec"))
    local syslog = Ct("<" * Cg(num(digit^1 * #P">"), "pri") * ">" * Cg(rfc3164, "timestamp") * sp
        * Cg((1 - sp)^1, "hostname") * sp * Cg((1 - S":[ ")^1, "programname")
        * ("[" * Cg(num(digit^1), "pid") * "]")^-1 * ": " * Cg(P(1)^0, "msg")) * -1

    -- combined access log
    local octet = digit * digit^-2
    local addr = octet * "." * octet * "." * octet * "." * octet
    local zone = Cg(S"+-", "offset_sign") * Cg(d2, "offset_hour") * Cg(d2, "offset_min")
    local clf = Ct(Cg(d2, "day") * "/" * Cg(month, "month") * "/" * Cg(d4, "year") * ":"
        * Cg(d2, "hour") * ":" * Cg(d2, "min") * ":" * Cg(d2, "sec") * sp * zone)
    local function quoted(name) return '"' * Cg((P'\\"' + (1 - P'"'))^0, name) * '"' end
    local request = '"' * Cg(l.alpha^1, "method") * sp * Cg((1 - sp)^1, "uri") * sp
        * "HTTP/" * Cg((digit + ".")^1, "protocol") * '"'
    local nginx = Ct(Cg(addr + (1 - sp)^1, "remote_addr") * " - " * Cg((1 - sp)^1, "remote_user") * " ["
        * Cg(clf, "time") * "] " * request * sp * Cg(num(digit^1), "status") * sp
        * Cg(num(digit^1), "body_bytes_sent") * sp * quoted"http_referer" * sp * quoted"http_user_agent") * -1
    return { openstack = openstack, syslog = syslog, nginx = nginx }
end

return make
