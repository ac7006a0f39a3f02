-- limit: error "loop in gettable"
local t = {}
setmetatable(t, {__index = t})
function process_message()
  local a, b = {}, {}
  setmetatable(a, {__index = b})
  setmetatable(b, {__index = a})
  return a.x
end
