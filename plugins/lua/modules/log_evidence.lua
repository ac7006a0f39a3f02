-- The last log lines behind what a filter counts, kept between two ticks. Option:
-- log_lines (how many a series keeps; 0, the default, keeps none). The metric
-- carries them in the field log_lines, so that an alarm can show its reason.
local math = require "math"
local string = require "string"
local table = require "table"

local most = math.min(tonumber(read_config("log_lines")) or 0, 10)
local longest = 256 -- bytes of a line
local room = 12 * 1024 -- bytes of all lines, far below what a message may hold

local held, size = {}, 0

local M = {}

local function cut(text)
    if #text <= longest then return text end
    return (string.gsub(string.sub(text, 1, longest), "[\192-\255][\128-\191]*$", ""))
end

-- keep keeps a line for the series key; without text the current payload.
function M.keep(key, text)
    if most < 1 then return end
    text = text or read_message("Payload")
    if not text or text == "" then return end
    text = cut(text)
    local lines = held[key]
    if not lines then
        lines = {}
        held[key] = lines
    elseif #lines >= most then
        size = size - #table.remove(lines, 1)
    end
    if size + #text > room then return end
    lines[#lines + 1] = text
    size = size + #text
end

-- lines returns the lines of the series key, nil when there are none.
function M.lines(key)
    local lines = held[key]
    return lines and lines[1] and lines
end

-- forget begins the next window.
function M.forget()
    held, size = {}, 0
end

return M
