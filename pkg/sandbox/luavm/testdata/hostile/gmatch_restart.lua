-- limit: work
function process_message()
  local s = string.rep("a", 500000)
  for w in string.gmatch(s, "a*b") do end
end
