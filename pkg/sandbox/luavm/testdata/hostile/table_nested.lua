-- limit: memory
function process_message()
  local t = {}
  while true do t = {t} end
end
