-- Samples whose like was seen before. Of the samples of one time series, as
-- collectd's write_http writes them, all text is the same but the values and the
-- time: what was found out about the first of them holds for all.
local l = require "lpeg"
l.locale(l)
local pairs = pairs
local read_config = read_config
local tonumber = tonumber

local M = {}
setfenv(1, M)

local d = l.digit
local number = l.P "-" ^ -1 * (l.P "0" + l.R "19" * d ^ 0) * (l.P "." * d ^ 1) ^ -1 * (l.S "eE" * l.S "+-" ^ -1 * d ^ 1) ^ -1
local one = number + "null"
local text = l.P '"' * (l.P "\\" * 1 + (1 - l.S '"\\')) ^ 0 * '"'
local names = l.P "[" * (text * (l.P "," * text) ^ 0) ^ -1 * "]"
local rest = l.P {
    l.V "inside" * "}",
    inside = (text + l.P "{" * l.V "inside" * "}" + l.P "[" * l.V "inside" * "]" + (1 - l.S '"{}[]')) ^ 0,
}

-- a sample yields its text, the values, what is between them and the time, the
-- time, what follows
local sample = l.C('{"values":[' * l.C(one * (l.P "," * one) ^ 0) * "]"
    * l.C(',"dstypes":' * names * ',"dsnames":' * names * ",") * '"time":' * l.C(number) * l.C("," * rest))
local blank = l.S " \t\r\n" ^ 0
local batch = l.Ct(blank * "[" * blank * sample * blank * (l.P "," * blank * sample * blank) ^ 0 * "]") * blank * -1
local single = l.Ct(sample) * -1
local list = l.Ct(l.C(one) * (l.P "," * l.C(one)) ^ 0)

-- parts is how many values a sample yields.
parts = 5

-- A node's series are a few hundred; what is known of one takes some 3 KB. It
-- begins anew when most samples are not known any more.
local most = tonumber(read_config("known_series") or 1200)
local known, count, misses = {}, 0, 0

-- split returns the parts of all samples of a record in one list; nil if it is
-- written in another way.
function split(body)
    return batch:match(body)
end

-- find returns what is known about the sample whose parts begin at i: nil for
-- nothing.
function find(samples, i)
    return known[samples[i + 2] .. samples[i + 4]]
end

-- values returns the values of a text; a null is false.
function values(s)
    local v = tonumber(s)
    if v then return { v } end
    local all = list:match(s)
    for i, one_text in pairs(all) do all[i] = tonumber(one_text) or false end
    return all
end

-- learn keeps what is known about the sample of that text. It calls make for it
-- unless the sample is known, or is written in another way.
function learn(s, make)
    local one_sample = single:match(s)
    if not one_sample then return end
    local key = one_sample[3] .. one_sample[5]
    if known[key] ~= nil then return end
    if count >= most then
        misses = misses + 1
        if misses < 20 * most then return end
        known, count, misses = {}, 0, 0
    end
    known[key] = make(values(one_sample[2]), tonumber(one_sample[4]))
    count = count + 1
end

return M
