-- OpenStack notifications, bare or in an oslo envelope; CADF events become audit
-- messages. Options: hostname (of this node), include_full_notification (keep
-- the whole body, not only its payload).
local identifier = require "identifier"
local json = require "json_text"
local record = require "log_record"
local severity = require "log_severity"
local time = require "log_time"

local own_hostname = read_config("hostname")
local full = read_config("include_full_notification") or false

local loggers = {
    volume = "cinder", snapshot = "cinder", image = "glance", orchestration = "heat", identity = "keystone",
    compute = "nova", compute_task = "nova", scheduler = "nova", keypair = "nova",
    floatingip = "neutron", security_group = "neutron", security_group_rule = "neutron", network = "neutron",
    port = "neutron", router = "neutron", subnet = "neutron", sahara = "sahara",
}

local function plain(value) return value end
local uuid, date = identifier.dashed_uuid, function(value)
    if type(value) == "string" then return time.canonical(value) end
end

local copied = {
    tenant_id = uuid, user_id = uuid, instance_id = uuid, network_id = uuid, subnet_id = uuid, port_id = uuid,
    volume_id = uuid,
    created_at = date, launched_at = date, deleted_at = date, terminated_at = date,
    display_name = plain, vcpus = plain, availability_zone = plain, instance_type = plain, image_name = plain,
    memory_mb = plain, disk_gb = plain, state = plain, old_state = plain, old_task_state = plain,
    new_task_state = plain, size = plain, replication_status = plain,
}

local function text(value, name)
    if type(value) ~= "string" then error("the notification has no " .. name, 0) end
    return value
end

-- set_time gives msg the time a notification names; another text leaves the
-- time of receipt.
local function set_time(msg, value)
    local ns, exact = time.parse(value)
    msg.Timestamp = ns
    return exact
end

local function set_severity(msg, notification)
    local priority = notification.priority
    if type(priority) ~= "string" then return end
    msg.Severity = severity.number(priority)
    msg.Fields.severity_label = priority
end

local function cadf(notification, msg)
    local event = notification.payload
    msg.Type = "audit"
    msg.Logger = text(notification.publisher_id, "publisher_id")
    local exact = set_time(msg, text(event.eventTime, "eventTime"))
    set_severity(msg, notification)
    for _, name in ipairs { "action", "outcome" } do
        if type(event[name]) == "string" then msg.Fields[name] = event[name] end
    end
    msg.Fields.event_type = text(event.eventType, "eventType")
    msg.Fields.notification_type = notification.event_type
    return exact
end

local function copy(payload, fields)
    for name, transform in pairs(copied) do
        local value = payload[name]
        if type(value) ~= "table" and value ~= nil then fields[name] = transform(value) end
    end
    if fields.state == nil and type(payload.status) ~= "table" then fields.state = payload.status end
end

local function openstack(notification, msg)
    local payload, fields = notification.payload, msg.Fields
    fields.event_type = text(notification.event_type, "event_type")
    msg.Type = "notification"
    msg.Logger = loggers[string.match(notification.event_type, "^[^.]*")]
    local exact = set_time(msg, text(notification.timestamp, "timestamp"))
    set_severity(msg, notification)
    local publisher, host = string.match(text(notification.publisher_id, "publisher_id"), "^([^.]*)%.?([%w_-]*)")
    fields.publisher = publisher
    if host ~= "" then msg.Hostname = host end
    if type(payload.host) == "string" then msg.Hostname = string.match(payload.host, "[%w_-]+") or msg.Hostname end
    fields.hostname = msg.Hostname or read_message("Hostname")
    copy(payload, fields)
    return exact
end

-- unwrap returns the notification, and its text, out of what may be an envelope.
local function unwrap(body)
    local notification = json.decode(body)
    if type(notification) ~= "table" then return nil end
    if notification["oslo.version"] == nil and notification["oslo.message"] == nil then return notification, body end
    body = notification["oslo.message"]
    if type(body) ~= "string" then return nil end
    notification = json.decode(body)
    if type(notification) ~= "table" then return nil end
    return notification, body
end

function process_message()
    local data = record.payload()
    local notification, body = unwrap(data)
    if not notification then return record.reject("notification", data) end
    local payload = notification.payload
    if type(payload) ~= "table" then return -1, "the notification has no payload" end
    local msg = { Hostname = own_hostname, Fields = {} }
    msg.Payload = full and data or json.members(body).payload
    local decode = payload.eventType ~= nil and payload.eventTime ~= nil and cadf or openstack
    local ok, exact = pcall(decode, notification, msg)
    if not ok then return -1, exact end
    return record.emit(msg, exact)
end
