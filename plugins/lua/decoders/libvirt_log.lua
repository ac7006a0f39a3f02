-- libvirt:  2017-03-13 08:14:09.417+0000: 2290: error : func:12 : text
local l = require "lpeg"
local g = require "log_grammar"

grammar = g.timestamp * ": " * g.pid * ": "
    * l.Cg(l.P "debug" + "info" + "warning" + "error", "severity_label") * " : " * g.payload

severity_label = "upper"
defaults = { Type = "log", Fields = { programname = "libvirt" } }
