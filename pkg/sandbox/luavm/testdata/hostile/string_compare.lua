-- limit: instructions work
function process_message()
  local a, b = string.rep("a", 2000000) .. "1", string.rep("a", 2000000) .. "2"
  local n = 0
  while true do if a < b then n = n + 1 end end
end
