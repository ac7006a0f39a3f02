-- limit: instructions work
local t = {}
for i = 1, 7000 do t[i] = 65 end
function process_message()
  while true do local s = string.char(unpack(t)) end
end
