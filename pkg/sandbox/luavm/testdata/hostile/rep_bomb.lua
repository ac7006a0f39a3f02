-- limit: error "not enough memory"
function process_message() return #string.rep("x", 1e9) end
