-- Notes on circular buffers, kept in the global _ANNOTATIONS so that they
-- survive a restart with preserved data. The functions look the global up on
-- every call: a restore replaces it.
local cjson = require "cjson"
local math = require "math"
local table = require "table"

_ANNOTATIONS = {}

local M = {}

local default_age = 24 * 60 * 60 * 1e9

local function entry(name)
    local e = _ANNOTATIONS[name]
    if not e then
        e = { annotations = {}, prune_duration = default_age }
        _ANNOTATIONS[name] = e
    end
    return e
end

-- create makes an annotation and adds it nowhere.
function M.create(ns, col, stext, text)
    return { x = math.floor(ns / 1e6), col = col, shortText = stext, text = text }
end

-- add makes an annotation and adds it to name's list.
function M.add(name, ns, col, stext, text)
    table.insert(entry(name).annotations, M.create(ns, col, stext, text))
end

-- concat adds an array of annotations to name's list.
function M.concat(name, annotations)
    local list = entry(name).annotations
    for i = 1, #annotations do list[#list + 1] = annotations[i] end
end

-- remove forgets name.
function M.remove(name)
    _ANNOTATIONS[name] = nil
end

-- set_prune sets how long, in ns, name's annotations are kept.
function M.set_prune(name, ns_duration)
    entry(name).prune_duration = ns_duration
end

-- prune drops what is too old at ns and returns name's list as a line of JSON;
-- nil for an unknown name.
function M.prune(name, ns)
    local e = _ANNOTATIONS[name]
    if not e then return end
    local list, kept = e.annotations, 0
    for i = 1, #list do
        local a = list[i]
        list[i] = nil
        if a.x * 1e6 + e.prune_duration > ns then
            kept = kept + 1
            list[kept] = a
        end
    end
    return cjson.encode({ annotations = list }) .. "\n"
end

return M
