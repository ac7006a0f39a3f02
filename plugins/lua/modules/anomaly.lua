-- Anomaly tests on the columns of a circular buffer: roc (rate of change), mww
-- and mww_nonparametric (Mann-Whitney-Wilcoxon).
local annotation = require "annotation"
local l = require "lpeg"
l.locale(l)
local math = require "math"
local string = require "string"
local table = require "table"
local error = error
local ipairs = ipairs
local tonumber = tonumber

local M = {}
setfenv(1, M)

local function out_of_range(name, cfg)
    error(string.format("%s - algorithm: %s col: %d msg: arguments out of range", name, cfg.algorithm, cfg.col))
end

-- finding makes what a test returns when it strikes: the text and its annotation.
local function finding(name, cfg, at, msg)
    local note = annotation.create(at, cfg.col, "A", msg)
    return string.format("%s - algorithm: %s col: %d msg: %s", name, cfg.algorithm, cfg.col, msg), note
end

-- windows calls f(start, end) for each of the nwin-1 windows before the newest
-- and returns the newest one's bounds and the buffer's time.
local function windows(name, cbuf, cfg, f)
    local rows, _, row = cbuf:get_configuration()
    row = row * 1e9
    if cfg.win * cfg.nwin >= rows then out_of_range(name, cfg) end
    local now, size = cbuf:current_time(), cfg.win * row
    local first = now - size
    local last = first + size - row
    for from = first - size, now - size * cfg.nwin + 1, -size do
        f(first, last, from, from + size - row)
    end
    return now
end

local function mww(name, cbuf, cfg)
    local hits = 0
    local now = windows(name, cbuf, cfg, function(first, last, from, to)
        if cfg.trend ~= "any" then
            local change = cbuf:compute("avg", cfg.col, from, to) - cbuf:compute("avg", cfg.col, first, last)
            if cfg.trend == "decreasing" then change = -change end
            local in_trend = change < 0 -- false for NaN
            if not in_trend then return end
        end
        local _, p = cbuf:mannwhitneyu(cfg.col, first, last, from, to)
        if p and p < cfg.pvalue then hits = hits + 1 end
    end)
    if hits <= cfg.nwin / 4 then return end
    if cfg.trend == "any" then return finding(name, cfg, now, "detected anomaly") end
    return finding(name, cfg, now, string.format("detected anomaly, %s values", cfg.trend))
end

local function mww_nonparametric(name, cbuf, cfg)
    local sum = 0
    local now = windows(name, cbuf, cfg, function(first, last, from, to)
        local u = cbuf:mannwhitneyu(cfg.col, first, last, from, to)
        if u then sum = sum + u / (cfg.win * cfg.win) - 0.5 end
    end)
    local pstat = sum / (cfg.nwin - 1) + 0.5
    if cfg.pstat < 0.5 and pstat < cfg.pstat or cfg.pstat > 0.5 and pstat > cfg.pstat then
        return finding(name, cfg, now, string.format("detected anomaly, pstat: %G", pstat))
    end
end

-- roc compares the averages of the last two windows with the standard deviation
-- of what came before them.
local function roc(name, cbuf, cfg)
    local rows, _, row = cbuf:get_configuration()
    row = row * 1e9
    if 3 * cfg.win >= rows or (cfg.hwin > 0 and cfg.hwin < cfg.win) then
        error(string.format("%s - algorithm: %s col: %d msg: win=%d hwin=%d arguments out of range (rows=%d)",
            name, cfg.algorithm, cfg.col, cfg.win, cfg.hwin, rows))
    end
    local now, size = cbuf:current_time(), row * cfg.win
    local current, previous = now - size, now - size * 2
    local history
    if cfg.hwin ~= 0 then history = previous - cfg.hwin * row end
    local sd = cbuf:compute("sd", cfg.col, history, previous - row)
    local before, nbefore = cbuf:compute("avg", cfg.col, previous, current - row)
    local after, nafter = cbuf:compute("avg", cfg.col, current, now - row)

    if cfg.loss_of_data and nbefore > 0 and nafter == 0 then
        return finding(name, cfg, now, "no new data")
    end
    if cfg.start_of_data and nbefore == 0 and nafter > 0 then
        return finding(name, cfg, now, "unexpected data")
    end
    if math.abs(after - before) > sd * cfg.sd then
        return finding(name, cfg, now, string.format("detected anomaly, standard deviation exceeds %G", cfg.sd))
    end
end

local algorithms = { roc = roc, mww = mww, mww_nonparametric = mww_nonparametric }

local function argument(name, patt)
    return l.P "," * l.space ^ 0 * l.Cg(patt, name)
end

local uint = l.digit ^ 1 / tonumber
local decimal = l.digit ^ 1 * (l.P "." * l.digit ^ 1) ^ -1 / tonumber
local boolean = l.P "true" * l.Cc(true) + l.P "false" * l.Cc(false)
local quoted = l.P '"' * l.Cs(((1 - l.P '"') + l.P '""' / '"') ^ 1) * '"'

local function call(name, arguments)
    return l.space ^ 0 * name * "(" * quoted * l.Ct(arguments * l.Cg(l.Cc(name), "algorithm")) * ")"
end

local col, win, nwin = argument("col", uint), argument("win", uint), argument("nwin", uint)
local calls = call("roc", col * win * argument("hwin", uint) * argument("sd", decimal)
        * argument("loss_of_data", boolean) * argument("start_of_data", boolean))
    + call("mww_nonparametric", col * win * nwin
        * argument("pstat", l.P "0" * (l.P "." * l.digit ^ 1) ^ -1 / tonumber))
    + call("mww", col * win * nwin * argument("pvalue", decimal)
        * argument("trend", l.P "decreasing" + "increasing" + "any"))

local grammar = l.Cf(l.Ct "" * l.Cg(calls) ^ 1, function(t, name, args)
    t[name] = t[name] or {}
    table.insert(t[name], args)
    return t
end) * -1

-- parse_config reads calls such as roc("name", 1, 15, 0, 2, true, false) into a
-- table by name; nil gives nil, anything else an error.
function parse_config(config)
    if not config then return end
    return grammar:match(config) or error("could not parse the anomaly_config")
end

-- detect runs the tests of name, at most once per row of cbuf, and returns the
-- messages joined by line feeds and an array of annotations; nil when all is well.
-- It advances the buffer to ns.
function detect(ns, name, cbuf, anomaly_config)
    if not cbuf:get(ns, 1) then cbuf:add(ns, 1, 0 / 0) end
    local t = anomaly_config[name]
    if not t then return end
    if not t.last_run then
        local _, _, row = cbuf:get_configuration()
        t.last_run, t.interval = 0, row * 1e9
    end
    if not (ns > t.last_run and ns - t.last_run >= t.interval) then return end
    t.last_run = ns

    local messages, notes = {}, {}
    for _, cfg in ipairs(t) do
        local test = algorithms[cfg.algorithm]
        if not test then
            error(string.format("%s - algorithm: %s col: %d msg: unknown algorithm", name, cfg.algorithm, cfg.col))
        end
        local message, note = test(name, cbuf, cfg)
        if message then
            messages[#messages + 1] = message
            notes[#notes + 1] = note
        end
    end
    if messages[1] then return table.concat(messages, "\n"), notes end
end

return M
