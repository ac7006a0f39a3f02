-- Logfmt:  time=2017-03-13T09:01:02Z level=info msg="it works" count=3
-- The names are treated like those of json_lines, with the same options.
local l = require "lpeg"
l.locale(l)
local fields_of = require "log_fields"
local record = require "log_record"

local escapes = { n = "\n", r = "\r", t = "\t" }
local key = l.C((1 - l.S '= "\t\r\n') ^ 1)
local quoted = l.P '"' * l.Cs((l.P "\\" * l.C(1) / function(c) return escapes[c] or c end + (1 - l.S '"\\')) ^ 0) * '"'
local bare = l.C((1 - l.S ' \t\r\n') ^ 0)
local pair = l.Ct(key * "=" * (quoted + bare))
local flag = l.Ct(key)
-- a line that does not begin with a pair is prose
local grammar = l.Ct(l.space ^ 0 * pair * (l.space ^ 1 * (pair + flag)) ^ 0) * l.space ^ 0 * -1

local msg = { Type = "log" }

local function value_of(pair_)
    local text = pair_[2]
    if text == nil then return true end
    return text
end

function process_message()
    local log = record.payload()
    local pairs_found = grammar:match(log)
    if not pairs_found then return record.reject("logfmt", log) end
    local entry = {}
    for _, p in ipairs(pairs_found) do
        if entry[p[1]] == nil then entry[p[1]] = value_of(p) end
    end
    return record.emit(msg, fields_of.fill(entry, msg, record.chomp(log)))
end
