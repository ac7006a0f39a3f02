-- HTTP response times by service, method and class of status. Options: hostname,
-- interval (the tick, s), max_timer_inject, bulk_size (points in a message),
-- percentile, grace_time, source, log_lines (see log_evidence; of server errors).
local evidence = require "log_evidence"
local metric = require "metric_message"
local window = require "log_window"

local hostname = read_config("hostname") or error("hostname must be given: the name of this node")
if not tonumber(read_config("interval")) then error("interval must be given: the seconds between two ticks") end
local max_messages = tonumber(read_config("max_timer_inject")) or 10
local bulk_size = tonumber(read_config("bulk_size")) or 225
local percentile = tonumber(read_config("percentile")) or 90
local grace = tonumber(read_config("grace_time")) or 0
local source = read_config("source")
local upper = "upper_" .. percentile

local verbs = {
    GET = true, POST = true, OPTIONS = true, DELETE = true, PUT = true, HEAD = true, TRACE = true, CONNECT = true,
    PATCH = true,
}

-- A series keeps its times up to this number; beyond it, only how many fell into
-- each of many classes a percent wide, so that a flood takes no more memory.
local exact_times = 2000

local series, order = {}, {}

local function class_of(t)
    if t <= 1e-6 then return 0 end
    return math.floor(math.log(t * 1e6) * 100) + 1
end

local function class_bound(class)
    if class == 0 then return 0 end
    return math.exp(class / 100) / 1e6
end

local function add_class(s, t)
    local class = class_of(t)
    s.classes[class] = (s.classes[class] or 0) + 1
end

local function add(s, t)
    s.count = s.count + 1
    s.sum = s.sum + t
    if t < s.min then s.min = t end
    if t > s.max then s.max = t end
    if s.classes then
        add_class(s, t)
    elseif s.count <= exact_times then
        s.times[s.count] = t
    else
        s.classes = {}
        for _, each in ipairs(s.times) do add_class(s, each) end
        s.times = nil
        add_class(s, t)
    end
end

local function rank_of_classes(s, rank)
    local names, seen = {}, 0
    for class in pairs(s.classes) do names[#names + 1] = class end
    table.sort(names)
    for _, class in ipairs(names) do
        seen = seen + s.classes[class]
        if seen >= rank then return math.max(s.min, math.min(s.max, class_bound(class))) end
    end
    return s.max
end

local function upper_of(s)
    local rank = s.count - math.floor((100 - percentile) / 100 * s.count + 0.5)
    if s.count == 1 or rank < 1 then return s.max end
    if s.classes then return rank_of_classes(s, rank) end
    table.sort(s.times)
    return s.times[rank]
end

local function find(service, method, class)
    local key = service .. " " .. method .. " " .. class
    local s = series[key]
    if s then return s end
    if #order >= bulk_size * max_messages then return nil end
    s = { key = key, service = service, method = method, class = class, count = 0, sum = 0,
        min = math.huge, max = -math.huge, times = {} }
    series[key] = s
    order[#order + 1] = s
    return s
end

-- request writes what was asked and answered; an access log may keep no payload.
local function request(method, status, t)
    local payload = read_message("Payload")
    if payload and payload ~= "" then return payload end
    return string.format("%s %s %d %gs", method, tostring(read_message("Fields[http_url]") or "?"), status, t)
end

function process_message()
    if window.late(grace) then return 0 end
    local method = read_message("Fields[http_method]")
    local status = tonumber(read_message("Fields[http_status]"))
    local t = tonumber(read_message("Fields[http_response_time]"))
    if not method or not status or not t then return -1, "the message lacks http_method, http_status or http_response_time" end
    if not (status >= 100 and status < 600) then return -1, "http_status " .. status .. " is outside 100 to 599" end
    if not verbs[method] then return -1, "http_method " .. tostring(method) .. " is not known" end
    local service = string.gsub(read_message("Logger"), "(%w+)%.(%w+).*", "%1_%2")
    local s = find(service, method, math.floor(status / 100) .. "xx")
    if not s then return -1, "too many series: raise bulk_size or max_timer_inject" end
    add(s, t)
    if status >= 500 then evidence.keep(s.key, request(method, status, t)) end
    return 0
end

local function point(s, elapsed)
    return {
        name = s.service .. "_http_response_times",
        values = {
            min = s.min, max = s.max, sum = s.sum, count = s.count, rate = s.count / elapsed, [upper] = upper_of(s),
        },
        log_lines = evidence.lines(s.key),
        tags = { hostname = hostname, http_method = s.method, http_status = s.class },
    }
end

function timer_event(ns)
    local elapsed = window.tick(ns)
    table.sort(order, function(a, b) return a.key < b.key end)
    local points = {}
    for _, s in ipairs(order) do
        points[#points + 1] = point(s, elapsed)
        if #points >= bulk_size then
            metric.bulk(points, ns, hostname, source)
            points = {}
        end
    end
    metric.bulk(points, ns, hostname, source)
    series, order = {}, {}
    evidence.forget()
end
