-- limit: instructions error memory work
local function f()
  local co = coroutine.create(f)
  return coroutine.resume(co)
end
function process_message() while true do f() end end
