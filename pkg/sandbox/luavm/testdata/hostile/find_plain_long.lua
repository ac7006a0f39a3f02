-- limit: work
function process_message()
  local s = string.rep("a", 4000000)
  while true do string.find(s, string.rep("a", 2000) .. "b", 1, true) end
end
