-- Records that span lines. A decoder opens one with a head (whatever it needs to
-- emit it), adds lines, and closes it when a line of another record comes. An
-- open record is also emitted when nothing was added for 5 s, when it grows
-- beyond 256 KiB (what follows becomes a continuation with the same head), and
-- when the stream ends.
local os = require "os"
local table = require "table"
local setmetatable = setmetatable

local M = {}
M.__index = M
setfenv(1, M)

idle_seconds = 5
largest = 256 * 1024

-- new makes an accumulator; emit(head, text) is called for each finished record
-- and returns a code and a text like process_message.
function new(emit)
    return setmetatable({ emit = emit, parts = {}, n = 0, size = 0, touched = 0 }, M)
end

-- open starts a record.
function M:open(head, text)
    self.head = head
    self:add(text)
end

local function send(self)
    if self.n == 0 then return 0 end
    local text = table.concat(self.parts, "", 1, self.n)
    self.parts, self.n, self.size = {}, 0, 0
    return self.emit(self.head, text)
end

-- add appends a line to the open record.
function M:add(text)
    local code, err = 0, nil
    if self.size > 0 and self.size + #text > largest then code, err = send(self) end
    self.n = self.n + 1
    self.parts[self.n] = text
    self.size = self.size + #text
    self.touched = os.time()
    return code, err
end

-- close emits the open record, if there is one.
function M:close()
    if not self.head then return 0 end
    local code, err = send(self)
    self.head = nil
    return code, err
end

-- flush is a decoder's flush(ns, idle): it closes the record when it was idle
-- for long enough, or in any case at the end of the stream.
function M:flush(ns, idle)
    if not self.head then return end
    if idle and ns and ns / 1e9 - self.touched < idle_seconds then return end
    return self:close()
end

return M
