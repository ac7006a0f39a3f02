-- limit: instructions
function process_message()
  table.sort({1, 2, 3}, function() while true do end end)
end
