-- Keeps one field of the last message in a file, which is replaced as a whole.
-- Options: path, field (Payload).
local io = require "io"
local os = require "os"

local path = read_config("path") or error("path must be given: the file to write")
local field = read_config("field") or "Payload"
local temporary = path .. ".tmp"

function process_message()
    local file, err = io.open(temporary, "w")
    if not file then return -1, "cannot open the file: " .. tostring(err) end
    local written
    written, err = file:write(tostring(read_message(field) or ""))
    local closed, close_err = file:close()
    if not written or not closed then return -1, "cannot write the file: " .. tostring(err or close_err) end
    local moved
    moved, err = os.rename(temporary, path)
    if not moved then return -1, "cannot replace the file: " .. tostring(err) end
    return 0
end

function timer_event()
end
