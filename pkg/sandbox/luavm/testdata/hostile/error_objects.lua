-- limit: work
function process_message()
  while true do
    pcall(error, setmetatable({}, {__tostring = function() error("again") end}))
  end
end
