-- IF-MAP server:  2017-03-13 08:52:14,070 - DEBUG - text
local java = require "log_java"

grammar = java.dashed
severity_label = "canonical"
severity_default = 6
defaults = { Type = "log", Fields = { programname = "ifmap" } }
