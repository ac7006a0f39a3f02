-- limit: error "stack overflow"
local t = setmetatable({}, {__tostring = function(self) return tostring(self) end})
function process_message() return tostring(t) end
