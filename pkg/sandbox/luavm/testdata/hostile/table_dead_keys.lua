-- limit: work instructions
function process_message()
  local t = {}
  for i = 1, 100000 do t["k" .. i] = 1; t["k" .. i] = nil end
  while true do next(t) end
end
