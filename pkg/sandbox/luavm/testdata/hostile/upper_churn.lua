-- limit: work
function process_message()
  local s = string.rep("x", 1000000)
  while true do string.upper(s) string.reverse(s) end
end
