-- limit: work
function process_message()
  while true do
    pcall(string.find, string.rep("a", 30000), "a*a*a*a*b")
  end
end
