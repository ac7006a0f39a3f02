-- limit: none
function process_message() table.insert({}, 1000000, 1) end
