-- limit: memory
local f = function() end
function process_message()
  while true do
    local g = f
    f = function() return g end
  end
end
