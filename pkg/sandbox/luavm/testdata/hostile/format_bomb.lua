-- limit: error "not enough memory"
function process_message()
  local s = string.rep("x", 1000000)
  return #string.format(string.rep("%s", 20), s, s, s, s, s, s, s, s, s, s, s, s, s, s, s, s, s, s, s, s)
end
