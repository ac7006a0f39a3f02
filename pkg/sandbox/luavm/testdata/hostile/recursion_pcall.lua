-- limit: work
local function f() while true do pcall(f) end end
function process_message() f() end
