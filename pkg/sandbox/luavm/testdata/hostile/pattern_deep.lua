-- limit: error "pattern too complex"
function process_message()
  return string.find(string.rep("a", 10000), string.rep("a?", 10000))
end
