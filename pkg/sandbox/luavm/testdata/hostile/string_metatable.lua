-- limit: none
-- One plugin may break its own strings; another state is not touched.
getmetatable("").__index = function() error("broken") end
string.rep = nil
function process_message() return 0 end
