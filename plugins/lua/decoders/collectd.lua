-- collectd's samples, as its write_http plugin posts them: a JSON array. Each
-- value becomes a metric; a null is no value. Its notifications, which it posts to
-- the same place, become log messages. Options: hostname (of this node;
-- the libvirt plugin needs it), swap_size (bytes; adds swap_percent_used),
-- known_series (1200: how many time series are decoded fast; each takes some 3 KB).
local ip = require "ip_address"
local known = require "collectd_known"
local json = require "json_text"
local names = require "collectd_names"
local record = require "log_record"
local severity = require "log_severity"
local time = require "log_time"

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

-- one emits the metric of a sample's i-th value.
local function one(sample, text, i, value)
    local m = describe(sample, i, value)
    if not m then return 0 end
    local percent = sample.plugin == "swap" and m.base == "swap_used" and swap_size > 0
    local msg = message(m)
    local code, err = send(msg, sample.time, text)
    if code == 0 and percent then
        m.fields.name = "swap_percent_used"
        m.fields.value = value / swap_size
        if m.unit then m.fields.value = { value = m.fields.value, representation = m.unit } end
        code, err = send(msg, sample.time, text)
    end
    return code, err
end

-- template makes the messages of all further samples that differ from this one in
-- values and time only: false if they need a closer look.
local function template(sample, values, time_s)
    if #values ~= #sample.dsnames or sample.time ~= time_s or sample.plugin == "swap" then return false end
    local list = {}
    for i = 1, #values do
        if sample.values[i] ~= (values[i] or nil) then return false end
        local probe = 7.25 -- a metric that is computed from the value shows
        local m = describe(sample, i, probe)
        if m and m.fields.value ~= probe then return false end
        list[i] = m and message(m) or false
    end
    return list
end

-- send_known emits the metrics of a sample with a template.
local function send_known(list, values, time_s, text)
    local code, err = 0, nil
    for i = 1, #list do
        local msg, value = list[i], values[i]
        if msg and value then
            local field = msg.Fields.value
            if type(field) == "table" then field.value = value else msg.Fields.value = value end
            local c, e = send(msg, time_s, text)
            if c ~= 0 then code, err = c, e end
        end
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

local function decode(text, sample)
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
        if type(value) == "number" then
            local c, e = one(sample, text, i, value)
            if c ~= 0 then code, err = c, e end
        end
    end
    if sample.own_host then
        known.learn(text, function(values, time_s) return template(sample, values, time_s) end)
    end
    return code, err
end

-- decode_known decodes a record by what is known of its samples' series; nil if it
-- is not written as collectd writes it.
local function decode_known(body)
    local samples = known.split(body)
    if not samples then return nil end
    local found, fresh, n = {}, {}, 0
    for i = 1, #samples, known.parts do
        n = n + 1
        found[n] = known.find(samples, i)
        if found[n] == nil then
            fresh[n] = json.decode(samples[i])
            if fresh[n] == nil then return nil end
        end
    end
    local bad, err = 0, nil
    for i = 1, n do
        local at = (i - 1) * known.parts
        local text = samples[at + 1]
        local c, e
        if found[i] then
            c, e = send_known(found[i], known.values(samples[at + 2]), tonumber(samples[at + 4]), text)
        else
            c, e = decode(text, fresh[i])
        end
        if c ~= 0 then bad, err = bad + 1, e end
    end
    if bad == n then return -1, err end
    return 0
end

function process_message()
    local body = record.payload()
    local done, reason = decode_known(body)
    if done then return done, reason end
    local whole, wrong = json.decode(body)
    local samples = type(whole) == "table" and json.elements(body)
    if not samples then return -1, "the record is no JSON array of collectd samples: " .. tostring(wrong or "") end
    local bad, err = 0, nil
    for _, text in ipairs(samples) do
        local code, e = decode(text)
        if code ~= 0 then bad, err = bad + 1, e end
    end
    -- one bad sample must not cost the others
    if bad > 0 and bad == #samples then return -1, err end
    return 0
end
