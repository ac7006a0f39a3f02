-- limit: none
function process_message()
  setmetatable({}, {__newindex = {}})[1000000] = 1
end
