-- limit: instructions memory work
function process_message()
  local t = {}
  local s = string.rep("a", 2000000)
  while true do t[s] = 1 end
end
