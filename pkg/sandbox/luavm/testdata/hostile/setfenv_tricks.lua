-- limit: instructions
-- An empty environment, and the host's functions with another one.
function process_message()
  assert(not pcall(setfenv, pcall, {}))
  setfenv(1, {})
  while true do end
end
