-- limit: instructions
for k in pairs(_G) do if k ~= "_G" then _G[k] = function() return true end end end
function process_message() while true do pcall(1) end end
