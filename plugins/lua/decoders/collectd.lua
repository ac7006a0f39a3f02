-- collectd's samples, as its write_http plugin posts them: a JSON array. Each
-- value becomes a metric; a null is no value. Its notifications, which it posts to
-- the same place, become log messages. The daemons decode with the same modules but
-- enter Lua for the first sample of a series only; what a text of the operator's
-- own says is run as it is. Options: hostname (of this node; the libvirt plugin
-- needs it), swap_size (bytes; adds swap_percent_used), known_series (how many
-- time series are decoded fast; each takes some 3 KB here).
local json = require "json_text"
local known = require "collectd_known"
local record = require "log_record"
local sample = require "collectd_sample"

local function decode(text, decoded)
    local code, err, s = sample.decode(text, decoded)
    if s and s.own_host then
        known.learn(text, function(values, time_s) return sample.template(s, values, time_s) end)
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
            c, e = sample.send_known(found[i], known.values(samples[at + 2]), tonumber(samples[at + 4]), text)
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
