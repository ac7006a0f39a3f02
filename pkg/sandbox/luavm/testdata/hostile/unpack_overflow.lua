-- limit: error "too many results to unpack"
function process_message() return unpack({}, -2^53, 2^53) end
