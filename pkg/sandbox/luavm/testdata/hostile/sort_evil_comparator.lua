-- limit: error "invalid order function for sorting"
local t = {}
for i = 1, 1000 do t[i] = (i * 7919) % 1009 end
function process_message()
  table.sort(t, function() return true end)
end
