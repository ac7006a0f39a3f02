-- limit: instructions
function process_message() while true do gcinfo() end end
