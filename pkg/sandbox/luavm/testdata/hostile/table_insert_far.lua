-- limit: error "not enough memory"
function process_message() table.insert({}, 1000000, 1) end
