-- Prints the seconds one match of a grammar takes, and how often it ran:
-- measure.lua GRAMMARS NAME LINE SECONDS
local grammars, name, line, seconds = ...
local lpeg = require "lpeg"
local p = dofile(grammars)(lpeg, false)[name]
assert(p:match(line))
local clock, match = os.clock, p.match
local best
for _ = 1, 5 do
    local count, start = 0, clock()
    repeat
        for _ = 1, 1000 do match(p, line) end
        count = count + 1000
    until clock() - start > tonumber(seconds) / 5
    local each = (clock() - start) / count
    if not best or each < best then best = each end
end
io.write(string.format("%.0f\n", best * 1e9))
