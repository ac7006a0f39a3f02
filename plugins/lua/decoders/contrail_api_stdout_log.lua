-- Standard output of Contrail's API and discovery services:
--   10.1.1.1 - - [2017-03-13 12:50:36] "PUT /publish HTTP/1.1" 202 633 0.071
-- Option: default_severity (NOTICE).
local l = require "lpeg"
l.locale(l)
local http = require "log_http"
local record = require "log_record"
local severity = require "log_severity"
local time = require "log_time"

local word = read_config("default_severity") or "NOTICE"
local level = severity.number(word) or error("default_severity is '" .. word .. "', which is no severity")

local number = l.P "-" ^ -1 * l.digit ^ 1 * (l.P "." * l.digit ^ 1) ^ -1 / tonumber
local grammar = l.Ct(l.Cg((l.xdigit + l.S ".:") ^ 1, "client") * (l.space + "-") ^ 1
    * "[" * time.stamp * "]" * l.space * l.Cg(l.P(1) ^ 0, "message"))
local request = l.Ct(l.P '"' * http.request * '"' * l.space * l.Cg(number, "http_status")
    * l.space * l.Cg(number, "http_response_size") * l.space * l.Cg(number, "http_response_time"))

local fields = { severity_label = severity.labels[level] }
local msg = { Type = "log", Severity = level, Fields = fields }

function process_message()
    local log = record.payload()
    local m = grammar:match(log)
    if not m then return record.reject("contrail api", log) end
    local exact
    msg.Timestamp, exact = time.to_ns(m)
    msg.Payload = record.chomp(m.message)
    fields.http_client_ip_address = m.client
    m = request:match(m.message)
    http.copy(m, fields)
    fields.http_status = m and m.http_status
    fields.http_response_size = m and m.http_response_size
    fields.http_response_time = m and m.http_response_time
    return record.emit(msg, exact)
end
