-- IF-MAP server:  2017-03-13 08:52:14,070 - DEBUG - text
local java = require "log_java"

process_message = java.process("ifmap", java.dashed)
