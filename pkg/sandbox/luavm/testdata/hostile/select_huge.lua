-- limit: instructions work
local t = {}
for i = 1, 7000 do t[i] = i end
function process_message()
  while true do select("#", select(2, unpack(t))) end
end
