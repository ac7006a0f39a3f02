-- limit: none
function process_message() rawset({}, 1000000, 1) end
