-- limit: work instructions
function process_message()
  local s = string.rep("1", 4000000)
  while true do tonumber(s) tonumber(s, 36) end
end
