-- limit: instructions
function process_message()
  table.foreach({1, 2}, function() while true do end end)
end
