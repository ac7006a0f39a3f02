-- Pieces of a JSON text as they stand in it, so that a value can be passed on
-- exactly: numbers with all their digits, nulls, empty arrays.
local l = require "lpeg"
l.locale(l)
local cjson = require "cjson"
local string = require "string"
local ipairs = ipairs
local pcall = pcall

local M = {}
setfenv(1, M)

local ws = l.S " \t\r\n" ^ 0
local text = l.P '"' * (l.P "\\" * 1 + (1 - l.S '"\\')) ^ 0 * '"'

-- a value up to its end: brackets are counted, what is in them is left to cjson
local value = l.P {
    text + l.V "object" + l.V "array" + (1 - l.S ',:{}[]" \t\r\n') ^ 1,
    object = l.P "{" * (text + l.V "object" + l.V "array" + (1 - l.S '"{}[]')) ^ 0 * "}",
    array = l.P "[" * (text + l.V "object" + l.V "array" + (1 - l.S '"{}[]')) ^ 0 * "]",
}

local elements_grammar = l.Ct(ws * "[" * ws * (l.C(value) * ws * (l.P "," * ws * l.C(value) * ws) ^ 0) ^ -1
    * "]" * ws) * -1
local member = l.Ct(l.C(text) * ws * ":" * ws * l.C(value)) * ws
local members_grammar = l.Ct(ws * "{" * ws * (member * (l.P "," * ws * member) ^ 0) ^ -1 * "}" * ws) * -1

-- elements returns the texts of an array's elements; nil when s is no array.
function elements(s)
    return elements_grammar:match(s)
end

-- members returns the texts of an object's members by name; nil when s is no
-- object. Of a repeated name the last one counts.
function members(s)
    local list = members_grammar:match(s)
    if not list then return nil end
    local set = {}
    for _, pair in ipairs(list) do
        local name = string.sub(pair[1], 2, -2)
        if string.find(name, "\\", 1, true) then
            local ok, plain = pcall(cjson.decode, "[" .. pair[1] .. "]")
            if not ok then return nil end
            name = plain[1]
        end
        set[name] = pair[2]
    end
    return set
end

-- decode returns the value of a JSON text, or nil and the reason.
function decode(s)
    local ok, v = pcall(cjson.decode, s)
    if ok then return v end
    return nil, v
end

-- quote returns a text as JSON.
function quote(s)
    return string.sub(cjson.encode({ s }), 2, -2)
end

return M
