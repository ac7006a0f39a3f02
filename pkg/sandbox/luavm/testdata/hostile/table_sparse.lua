-- limit: error "not enough memory"
function process_message() local t = {}; t[1000000] = 1 end
