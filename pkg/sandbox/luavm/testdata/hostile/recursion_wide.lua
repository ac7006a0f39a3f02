-- limit: error "stack overflow"
local function f(...)
  local a, b, c, d, e, g, h = ...
  return 1 + f(a, b, c, d, e, g, h, ...)
end
function process_message() return f(1, 2, 3, 4, 5, 6, 7) end
