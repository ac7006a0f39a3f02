-- limit: work memory
function process_message()
  local f = string.rep("%c", 200000)
  while true do os.date(f) end
end
