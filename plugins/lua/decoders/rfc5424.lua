-- Syslog as RFC 5424 writes it:
--   <34>1 2017-03-13T09:01:02.003Z host app 12 ID47 [id@32473 key="value"] text
-- Structured data become fields named <id>.<key>.
local l = require "lpeg"
l.locale(l)
local g = require "log_grammar"

local sp = l.P " "
local word = (1 - l.S " \n") ^ 1
local function item(patt) return l.P "-" * #(sp + -1) + patt end

local name = (1 - l.S '= ]"\n') ^ 1
local value = (l.P "\\" * l.S '"\\]' + (1 - l.S '"')) ^ 0
local element = l.P "[" * name * (sp ^ 1 * name * '="' * value * '"') ^ 0 * sp ^ 0 * "]"
local data = l.P "-" + l.Cg(element ^ 1, "_data")

local procid = l.Cg(l.digit * l.digit ^ -8, "Pid") * #sp + l.Cg(word, "procid")

-- over TCP a record may begin with its length; rsyslog puts a second blank before
-- the text
grammar = (l.digit ^ 1 * sp) ^ -1 * g.priority("Severity")
    * l.R "19" * l.digit ^ -2 * sp * (l.P "-" + g.timestamp) * sp * item(l.Cg(word, "Hostname")) * sp
    * item(l.Cg(word, "programname")) * sp * item(procid) * sp * item(l.Cg(word, "msgid")) * sp * data
    * (sp * l.P "\239\187\191" ^ -1 * sp ^ -1 * g.payload + l.P "\n" ^ 0 * -1 * l.Cg(l.Cc "", "Payload"))

captures = { _data = { format = "structured_data" } }
defaults = { Type = "log" }
