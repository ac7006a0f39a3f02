-- Standard output of Contrail's API and discovery services:
--   10.1.1.1 - - [2017-03-13 12:50:36] "PUT /publish HTTP/1.1" 202 633 0.071
-- Option: default_severity (NOTICE).
local l = require "lpeg"
l.locale(l)
local g = require "log_grammar"
local http = require "log_http"
local severity = require "log_severity"

local word = read_config("default_severity") or "NOTICE"
local level = severity.number(word) or error("default_severity is '" .. word .. "', which is no severity")

local number = l.P "-" ^ -1 * l.digit ^ 1 * (l.P "." * l.digit ^ 1) ^ -1

grammar = l.Cg((l.xdigit + l.S ".:") ^ 1, "http_client_ip_address") * (l.space + "-") ^ 1
    * "[" * g.timestamp * "]" * l.space * g.payload

extract = l.P '"' * http.request * '"' * l.space * l.Cg(number, "http_status")
    * l.space * l.Cg(number, "http_response_size") * l.space * l.Cg(number, "http_response_time")

types = { http_status = "number", http_response_size = "number", http_response_time = "number" }
defaults = { Type = "log", Severity = level }
