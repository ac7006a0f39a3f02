-- What every log decoder does around its grammar: reading the record, adding the
-- common tags, emitting, refusing.
local l = require "lpeg"
local string = require "string"
local time = require "log_time"
local tags = require("extra_fields").tags

local M = {}

local more = l.R "\128\191"
local character = l.R "\0\127"
    + l.R "\194\223" * more
    + l.P "\224" * l.R "\160\191" * more
    + (l.R "\225\236" + l.R "\238\239") * more * more
    + l.P "\237" * l.R "\128\159" * more
    + l.P "\240" * l.R "\144\191" * more * more
    + l.R "\241\243" * more * more * more
    + l.P "\244" * l.R "\128\143" * more * more
local valid = character ^ 0 * -1
local ascii = l.R "\0\127" ^ 0 * -1
local repair -- made when it is first needed

-- text returns s as valid UTF-8: each stray byte becomes U+FFFD.
function M.text(s)
    if ascii:match(s) or valid:match(s) then return s end
    repair = repair or l.Cs((character + l.P(1) / "\239\191\189") ^ 0)
    return repair:match(s)
end

-- payload returns the record as valid UTF-8.
function M.payload()
    return M.text(read_message("Payload"))
end

-- chomp removes one trailing line end.
function M.chomp(s)
    if string.byte(s, -1) ~= 10 then return s end
    if string.byte(s, -2) == 13 then return string.sub(s, 1, -3) end
    return string.sub(s, 1, -2)
end

-- pid returns a process id from text, nil when it is none.
function M.pid(digits)
    local n = tonumber(digits)
    if n and n <= 2147483647 then return n end
end

-- reject is what process_message returns for a record that is not in the format.
-- The text is short and the same for all lines: the host shows samples of them.
function M.reject(format, log)
    return -1, string.format("cannot parse %s record: %s", format, string.sub(log, 1, 64))
end

-- add_tags adds the common tags that fields does not have.
function M.add_tags(fields)
    for name, value in pairs(tags) do
        if fields[name] == nil then fields[name] = value end
    end
end

-- longest is the most an injected payload holds when the host's output limit is
-- hit; a longer one is emitted in pieces.
local longest = 48 * 1024

-- boundary returns the end of a piece of s that starts at from and cuts no
-- character.
local function boundary(s, from)
    local to = from + longest - 1
    if to >= #s then return #s end
    local next_byte = string.byte(s, to + 1)
    while next_byte >= 128 and next_byte <= 191 and to > from do
        to = to - 1
        next_byte = string.byte(s, to + 1)
    end
    return to
end

local function in_pieces(msg)
    local whole, from = msg.Payload, 1
    while from <= #whole do
        local to = boundary(whole, from)
        msg.Payload = string.sub(whole, from, to)
        local ok, err = pcall(inject_message, msg)
        if not ok then return -1, err end
        from = to + 1
    end
    return 0
end

-- emit injects msg with the common tags. exact says that its time is UTC already
-- because the line had an offset. Returns the code for process_message.
function M.emit(msg, exact)
    M.add_tags(msg.Fields)
    msg.Timestamp = time.exact(msg.Timestamp)
    timezone_aware = exact or false -- the host reads it on injection
    local ok, err = pcall(inject_message, msg)
    if ok then return 0 end
    if msg.Payload and #msg.Payload > longest then return in_pieces(msg) end
    return -1, err
end

return M
