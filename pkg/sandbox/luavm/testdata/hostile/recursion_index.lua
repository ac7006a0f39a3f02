-- limit: error memory
local t = setmetatable({}, {})
getmetatable(t).__index = function(self, k) return self[k .. "x"] end
function process_message() return t.a end
