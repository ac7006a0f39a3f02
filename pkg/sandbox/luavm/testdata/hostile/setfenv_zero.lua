-- limit: instructions
function process_message()
  setfenv(0, setmetatable({}, {__index = function() while true do end end}))
  local f = function() return undefined end
  setfenv(f, getfenv(0))
  f()
end
