-- limit: work
-- Every result is within the limits and is dropped at once.
function process_message()
  while true do local s = string.rep("x", 4000000) end
end
