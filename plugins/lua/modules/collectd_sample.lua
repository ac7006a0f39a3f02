-- One collectd sample: what is wrong with it, which metrics its values are, and
-- the messages made of it. What decides that is in collectd_names.
local ip = require "ip_address"
local json = require "json_text"
local names = require "collectd_names"
local record = require "log_record"
local severity = require "log_severity"
local time = require "log_time"

local M = {}

local own_hostname = read_config("hostname") or error("hostname must be given: the name of this node")
local swap_size = tonumber(read_config("swap_size")) or 0

local address = (ip.v4 + ip.v6) * -1

-- short returns the first label of a host name: all other messages carry that.
local function short(host)
    if address:match(host) then return host end
    return string.match(host, "^[^.]+") or host
end

local metric = {}
metric.__index = metric

-- tag adds a dimension; a value that is no scalar, and a repeated name, is left out.
function metric:tag(name, value)
    local kind = type(value)
    if kind ~= "string" and kind ~= "number" and kind ~= "boolean" then return end
    if self.seen[name] then return end
    self.seen[name] = true
    self.fields[name] = value
    self.tags[#self.tags + 1] = name
end

-- host adds the host as a dimension.
function metric:host()
    self:tag("hostname", self.hostname)
end

local function service_check(m)
    local failure = m.meta.failure
    if type(failure) ~= "table" then m.fields.details = failure end
    if m.meta.local_check then m:host() end
    return tostring(m.meta.service_check) .. "_check"
end

-- message makes the message of a metric; its time and text are still to be set.
local function message(m)
    if m.unit then m.fields.value = { value = m.fields.value, representation = m.unit } end
    if m.tags[1] then m.fields.tag_fields = m.tags end
    return { Hostname = m.hostname, Logger = "collectd", Severity = 6, Type = "metric", Fields = m.fields }
end

local function send(msg, time_s, text)
    msg.Timestamp = time_s and time_s * 1e9
    msg.Payload = text
    return record.emit(msg, true)
end

-- describe finds out what the metric of a sample's i-th value is: nil for none.
-- Its value is value * factor / divisor.
local function describe(sample, i, value)
    local dsname = tostring(sample.dsnames[i])
    local ds = dsname == "value" and "" or "_" .. dsname
    local m = setmetatable({
        sample = sample,
        meta = type(sample.meta) == "table" and sample.meta or {},
        dsname = dsname,
        ds = ds,
        base = sample.type .. (sample.type_instance ~= "" and "_" .. sample.type_instance or "") .. ds,
        hostname = sample.host,
        own_hostname = own_hostname,
        factor = 1,
        divisor = 1,
        fields = {
            interval = sample.interval,
            source = sample.plugin,
            type = sample.dstypes[i],
            value = value,
        },
        tags = {},
        seen = {},
    }, metric)
    local build = m.meta.service_check and service_check or names.rule(sample)
    m.fields.name = build(m, sample)
    if m.fields.name then return m end
end

-- each calls use with every message made of a described value, and with what the
-- value is multiplied with and divided by. It returns what the last failure of use
-- was.
local function each(m, value, use)
    local percent = m.sample.plugin == "swap" and m.base == "swap_used" and swap_size > 0
    local scaled = value * m.factor / m.divisor
    m.fields.value = scaled
    local msg = message(m)
    local code, err = use(msg, m.factor, m.divisor)
    if code == 0 and percent then
        m.fields.name = "swap_percent_used"
        m.fields.value = scaled / swap_size
        if m.unit then m.fields.value = { value = m.fields.value, representation = m.unit } end
        code, err = use(msg, 1, swap_size)
    end
    return code, err
end

local texts = { "plugin", "plugin_instance", "type", "type_instance" }

-- check completes a sample and tells what is wrong with it.
local function check(s)
    if type(s) ~= "table" then return "is no object" end
    for _, key in ipairs(texts) do
        if s[key] == nil then s[key] = "" end
        if type(s[key]) ~= "string" then return key .. " is no text" end
    end
    if s.plugin == "" then return "has no plugin" end
    for _, key in ipairs { "values", "dsnames", "dstypes" } do
        if type(s[key]) ~= "table" then return "has no " .. key end
    end
    if s.time ~= nil and type(s.time) ~= "number" then return "time is no number" end
    if type(s.interval) ~= "number" then s.interval = nil end
    s.own_host = type(s.host) == "string"
    s.host = s.own_host and s.host or read_message("Hostname")
    if s.plugin ~= "libvirt" and s.plugin ~= "virt" then s.host = short(s.host) end
end

local severities = { FAILURE = 3, WARNING = 4, OKAY = 6 }

-- notification emits what collectd says about a threshold.
local function notification(n, text)
    local fields, level = {}, severities[n.labels.severity] or 6
    for name, value in pairs(n.labels) do
        if type(name) == "string" and type(value) ~= "table" then fields[name] = value end
    end
    local annotations = type(n.annotations) == "table" and n.annotations or {}
    fields.severity_label = severity.labels[level]
    fields.programname = "collectd"
    return record.emit({
        Type = "log",
        Timestamp = type(n.startsAt) == "string" and time.parse(n.startsAt) or nil,
        Hostname = type(n.labels.instance) == "string" and short(n.labels.instance) or nil,
        Logger = "collectd",
        Payload = type(annotations.summary) == "string" and annotations.summary or text,
        Severity = level,
        Fields = fields,
    }, true)
end

-- decode emits the messages of one sample, or of a notification. Returns the code
-- for process_message; the sample, completed, if it was one.
function M.decode(text, sample)
    local wrong
    if sample == nil then sample, wrong = json.decode(text) end
    if type(sample) == "table" and type(sample.labels) == "table" and sample.plugin == nil then
        return notification(sample, text)
    end
    wrong = wrong or check(sample)
    if wrong then return -1, "a collectd sample " .. wrong end
    local code, err = 0, nil
    -- a null leaves a hole: the names, not the values, say how many there are
    for i = 1, #sample.dsnames do
        local value = sample.values[i]
        local m = type(value) == "number" and describe(sample, i, value)
        if m then
            local c, e = each(m, m.fields.value, function(msg) return send(msg, sample.time, text) end)
            if c ~= 0 then code, err = c, e end
        end
    end
    return code, err, sample
end

-- steady returns the metrics of a sample with n values, false for a value that is
-- none, if all that is said of them but value and time holds for every sample of the
-- same text; else nil.
local function steady(sample, n)
    if not sample.own_host or #sample.dsnames ~= n then return nil end
    local list = {}
    for i = 1, n do
        local probe = 7.25 -- a metric that is computed from the value shows
        local m = describe(sample, i, probe)
        if m and m.fields.value ~= probe then return nil end
        list[i] = m or false
    end
    return list
end

-- learn emits the message of each value of a sample that has n values, also of those
-- that are null now, and tells note before which value it is of, and what that is
-- multiplied with and divided by: the caller makes the messages of further samples
-- of the same series itself. What is not steady is decoded without a note. Returns
-- the code for process_message.
function M.learn(text, n, note)
    local sample = json.decode(text)
    if sample == nil then
        note(-1)
        return -1, "a collectd sample is no JSON"
    end
    if type(sample.labels) == "table" or check(sample) then return M.decode(text) end
    local list = steady(sample, n)
    if not list then return M.decode(text) end
    for i, m in ipairs(list) do
        local code, err = 0, nil
        if m then
            code, err = each(m, 1, function(msg, factor, divisor)
                note(i, factor, divisor)
                return send(msg, sample.time, text)
            end)
        end
        if code ~= 0 then return code, err end
    end
    note(0)
    return 0
end

-- template makes the messages of all further samples that differ from this one in
-- values and time only: false if they need a closer look.
function M.template(sample, values, time_s)
    local n = #values
    local metrics = sample.time == time_s and steady(sample, n)
    if not metrics then return false end
    local list = {}
    for i, m in ipairs(metrics) do
        if sample.values[i] ~= (values[i] or nil) then return false end
        local one = {}
        if m then
            each(m, 1, function(msg, factor, divisor)
                one[#one + 1] = { msg = msg, factor = factor, divisor = divisor }
                return 0
            end)
        end
        if one[2] then return false end -- they share a message
        list[i] = one[1] or false
    end
    return list
end

-- send_known emits the metrics of a sample with a template.
function M.send_known(list, values, time_s, text)
    local code, err = 0, nil
    for i = 1, #list do
        local known, value = list[i], values[i]
        if known and value then
            local msg = known.msg
            local field = msg.Fields.value
            value = value * known.factor / known.divisor
            if type(field) == "table" then field.value = value else msg.Fields.value = value end
            local c, e = send(msg, time_s, text)
            if c ~= 0 then code, err = c, e end
        end
    end
    return code, err
end

return M
