-- Lines of Elasticsearch's bulk interface.
local cjson = require "cjson"
local interpolate = require("msg_interpolate").interpolate_from_msg

local M = {}
setfenv(1, M)

-- bulkapi_index_json makes the action line "index"; each part may be nil and may
-- hold %{} templates, whose dates are those of ns (default: now).
function bulkapi_index_json(index, type_name, id, ns)
    local secs = ns and ns / 1e9
    local function fill(template)
        if not template then return nil end
        local text = interpolate(template, secs)
        return text
    end
    return cjson.encode({ index = { _index = fill(index), _type = fill(type_name), _id = fill(id) } })
end

return M
