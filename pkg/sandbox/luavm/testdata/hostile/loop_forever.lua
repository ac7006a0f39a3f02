-- limit: instructions
function process_message() while true do end end
