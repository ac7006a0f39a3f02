-- limit: work instructions
local function handler() return xpcall(error, handler) end
function process_message() while true do xpcall(error, handler) end end
