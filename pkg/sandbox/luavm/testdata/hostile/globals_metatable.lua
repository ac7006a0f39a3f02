-- limit: instructions
setmetatable(_G, {__index = function(_, k) while true do end end})
function process_message() return nothing end
