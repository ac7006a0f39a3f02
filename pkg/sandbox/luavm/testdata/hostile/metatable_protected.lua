-- limit: none
function process_message()
  local t = setmetatable({}, {__metatable = "no"})
  assert(getmetatable(t) == "no")
  assert(not pcall(setmetatable, t, {}))
  assert(not pcall(setmetatable, package, {}))
  return 0
end
