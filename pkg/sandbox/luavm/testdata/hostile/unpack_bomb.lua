-- limit: error "too many results to unpack"
function process_message() return unpack({}, 1, 1e8) end
