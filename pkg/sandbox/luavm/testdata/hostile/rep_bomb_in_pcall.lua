-- limit: work
function process_message()
  while true do pcall(string.rep, "x", 1e9) end
end
