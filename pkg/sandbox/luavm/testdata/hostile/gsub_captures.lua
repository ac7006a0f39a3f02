-- limit: error "not enough memory"
function process_message()
  return #string.gsub(string.rep("x", 50000), ".*", string.rep("%0", 50000))
end
