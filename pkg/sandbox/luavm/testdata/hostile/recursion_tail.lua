-- limit: instructions
local function f() return f() end
function process_message() return f() end
