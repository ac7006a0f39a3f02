-- limit: instructions
local t = setmetatable({}, {
  __index = function() while true do end end,
  __tostring = function() while true do end end,
  __concat = function() while true do end end,
})
function process_message()
  pcall(function() return t.x end)
  pcall(tostring, t)
  return t .. "x"
end
