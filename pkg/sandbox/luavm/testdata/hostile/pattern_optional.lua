-- limit: work
function process_message()
  local n = 28
  return string.match(string.rep("a", n), string.rep("a?", n) .. string.rep("a", n) .. "b")
end
