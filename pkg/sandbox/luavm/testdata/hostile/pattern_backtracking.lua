-- limit: work
function process_message()
  return string.find(string.rep("a", 30000), "a*a*a*a*b")
end
