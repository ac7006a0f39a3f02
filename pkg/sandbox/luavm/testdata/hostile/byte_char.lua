-- limit: error "string slice too long"
function process_message() return string.byte(string.rep("x", 1000000), 1, -1) end
