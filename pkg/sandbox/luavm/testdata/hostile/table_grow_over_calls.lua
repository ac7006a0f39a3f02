-- limit: memory
local t = {}
function process_message()
  for i = 1, 2000 do t[#t + 1] = {i} end
end
