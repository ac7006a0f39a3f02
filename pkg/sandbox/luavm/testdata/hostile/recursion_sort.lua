-- limit: error "stack overflow"
local function f() table.sort({1, 2, 3}, f) return false end
function process_message() f() end
