-- limit: none
function process_message() local t = {}; t[1000000] = 1 end
