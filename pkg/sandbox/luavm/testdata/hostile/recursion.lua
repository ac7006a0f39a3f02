-- limit: error "stack overflow"
local function f() return 1 + f() end
function process_message() return f() end
