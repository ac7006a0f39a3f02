-- limit: instructions
function process_message()
  string.gsub("abc", ".", function() while true do end end)
end
