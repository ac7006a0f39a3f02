-- limit: error "not enough memory"
function process_message()
  local s = string.rep("x", 100000)
  return #string.gsub(s, ".", s)
end
