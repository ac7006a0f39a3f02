-- limit: memory
local keep = {}
function process_message()
  for i = 1, 1e6 do keep[i] = string.rep("x", 1000000) end
end
