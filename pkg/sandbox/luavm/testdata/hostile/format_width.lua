-- limit: error "invalid format (width or precision too long)"
function process_message() return string.format("%99999d", 1) end
