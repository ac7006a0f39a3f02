-- Ceph: the daemons' logs, with a debug level from -1 (error) on, and the
-- cluster's log, with a level word.
--   2017-03-13T10:00:00.123+0000 7f12345 -1 mon.a@0(leader) e1 text
--   2017-03-13T10:00:00.123+0000 mon.a (mon.0) 123 : cluster [INF] text
local l = require "lpeg"
l.locale(l)
local g = require "log_grammar"

local sp = l.P " " ^ 1
local d = l.digit
local name = (1 - l.S " \n") ^ 1
local function severity(n) return l.Cg(l.Cc(n), "Severity") end

-- a daemon's debug level: errors, what is always logged, and ever finer detail
local level = #l.P "-" * severity(3) + #(l.P "0" ^ 1 * -d) * severity(5) + #(l.R "15" * -d) * severity(6) + severity(7)
local daemon = g.timestamp * sp * l.Cg(l.xdigit ^ 6, "ceph_thread") * sp
    * level * l.Cg(l.P "-" ^ -1 * d ^ 1, "ceph_debug_level") * (l.P " " + #l.P "\n" + -1)
    * l.Cg(l.Cc "ceph", "programname") * g.payload

local word = l.P "DBG" * severity(7) + l.P "INF" * severity(6) + l.P "SEC" * severity(5) + l.P "WRN" * severity(4)
    + l.P "ERR" * severity(3)
local cluster = g.timestamp * sp * l.Cg(name, "programname") * sp * name * (sp * d ^ 1 * "/" * d ^ 1) ^ -1 * sp
    * d ^ 1 * sp * ":" * sp * l.Cg(l.alpha ^ 1, "ceph_channel") * sp * "[" * word * "]" * l.P " " ^ -1 * g.payload

grammar = daemon + cluster
types = { ceph_debug_level = "number" }
defaults = { Type = "log" }
