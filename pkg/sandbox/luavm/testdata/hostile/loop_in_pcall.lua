-- limit: instructions
function process_message()
  while true do
    pcall(function() while true do end end)
  end
end
