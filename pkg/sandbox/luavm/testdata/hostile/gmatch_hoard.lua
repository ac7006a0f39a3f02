-- limit: instructions memory
local keep = {}
function process_message()
  for i = 1, 1e6 do keep[i] = string.gmatch("abc", "%a") end
end
