-- limit: error "attempt to perform arithmetic on"
function process_message()
  local s = string.rep("1", 4000000)
  while true do local n = s + 1 end
end
