-- limit: work
function process_message()
  local s = string.rep("(", 200000)
  return string.find(s, "%b()")
end
