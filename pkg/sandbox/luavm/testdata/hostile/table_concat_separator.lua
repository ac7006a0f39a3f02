-- limit: error "not enough memory"
local t = {}
for i = 1, 10000 do t[i] = "" end
function process_message() return #table.concat(t, string.rep(",", 100000)) end
