-- limit: instructions memory
-- Substrings share bytes; what they keep alive is bounded by the string.
local keep = {}
function process_message()
  local s = string.rep("x", 4000000)
  for i = 1, 1e6 do keep[i % 1000] = s:sub(i, i + 100) end
end
