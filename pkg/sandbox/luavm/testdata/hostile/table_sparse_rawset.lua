-- limit: error "not enough memory"
function process_message() rawset({}, 1000000, 1) end
