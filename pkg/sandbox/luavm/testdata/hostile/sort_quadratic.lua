-- limit: work
-- Few instructions, many long comparisons.
local t = {}
for i = 1, 20000 do t[i] = string.rep("a", 90) .. i end
function process_message()
  while true do table.sort(t) end
end
