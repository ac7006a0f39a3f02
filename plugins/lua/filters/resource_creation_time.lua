-- How long an instance or a volume took to be created, or a volume to be
-- attached, from the notifications about it.
local json = require "json_text"
local metric = require "metric_message"
local time = require "log_time"

local names = {
    ["compute.instance.create.end"] = "openstack_nova_instance_creation_time",
    ["volume.create.end"] = "openstack_cinder_volume_creation_time",
    ["volume.attach.end"] = "openstack_cinder_volume_attachment_time",
}

-- attachment finds the first attachment in the payload, which may be the whole
-- notification, in its envelope or not.
local function attachment()
    local body = json.decode(read_message("Payload"))
    if type(body) == "table" and type(body["oslo.message"]) == "string" then
        body = json.decode(body["oslo.message"])
    end
    if type(body) ~= "table" then return nil end
    if type(body.payload) == "table" then body = body.payload end
    local list = body.volume_attachment
    return type(list) == "table" and type(list[1]) == "table" and list[1] or nil
end

local function parse(text)
    local ns = type(text) == "string" and time.parse(text)
    return ns or nil
end

local function span(event)
    if event ~= "volume.attach.end" then
        return parse(read_message("Fields[created_at]")), parse(read_message("Fields[launched_at]"))
    end
    local first = attachment()
    if first then return parse(first.created_at), parse(first.attach_time) end
end

function process_message()
    local event = read_message("Fields[event_type]")
    local name = names[event]
    if not name then return 0 end
    local from, to = span(event)
    if not from or not to then return -1, "the notification " .. event .. " lacks its times" end
    if to < from then return -1, "the notification " .. event .. " ends before it begins" end
    local hostname = read_message("Fields[hostname]")
    return metric.send("metric", read_message("Timestamp"), {
        source = read_message("Logger"),
        name = name,
        hostname = hostname,
        type = "gauge",
        value = { value = math.floor((to - from) / 1e6 + 0.5) / 1e3, representation = "s" },
        tenant_id = read_message("Fields[tenant_id]"),
        user_id = read_message("Fields[user_id]"),
        tag_fields = hostname and { "hostname" },
    })
end
