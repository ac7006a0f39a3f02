-- limit: memory
local t = {}
function process_message()
  for i = 1, 1e6 do t[i] = {} end
end
