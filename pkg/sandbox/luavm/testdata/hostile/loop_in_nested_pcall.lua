-- limit: work
local function again()
  while true do pcall(again) end
end
function process_message() again() end
