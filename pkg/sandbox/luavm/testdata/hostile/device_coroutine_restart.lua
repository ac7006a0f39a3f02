-- limit: work instructions memory
function process_message()
  while true do
    coroutine.wrap(function() while true do coroutine.yield() end end)()
  end
end
