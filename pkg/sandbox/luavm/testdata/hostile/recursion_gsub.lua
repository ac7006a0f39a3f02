-- limit: error "stack overflow"
local function f() return (string.gsub("a", "a", f)) end
function process_message() return f() end
