-- limit: instructions
local t = {}
for i = 1, 200000 do t[i] = 1 end
for i = 1, 200000 do t[i] = nil end
function process_message()
  local n = 0
  while true do n = n + #t end
end
