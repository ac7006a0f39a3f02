-- limit: instructions work
local a, b
a = coroutine.create(function() while true do coroutine.resume(b) end end)
b = coroutine.create(function() while true do coroutine.resume(a) end end)
function process_message() while true do coroutine.resume(a) end end
