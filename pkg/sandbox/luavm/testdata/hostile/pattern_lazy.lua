-- limit: work
function process_message()
  return string.find(string.rep("a", 3000000), ".-b")
end
