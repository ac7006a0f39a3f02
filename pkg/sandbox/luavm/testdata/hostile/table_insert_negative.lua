-- limit: work
function process_message() table.insert({}, -2^50, 1) end
