-- limit: memory instructions work
function process_message()
  for i = 1, 1e6 do string.find("x", "[" .. string.rep("a", 900) .. i .. "]") end
end
