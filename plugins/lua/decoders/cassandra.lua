-- Cassandra:  2017-03-13 08:52:14,070 - DEBUG - text
-- or, in its own default layout:  INFO  [main] 2017-03-13 08:52:14,070 File.java:12 - text
local java = require "log_java"

grammar = java.dashed + java.cassandra
severity_label = "canonical"
severity_default = 6
defaults = { Type = "log", Fields = { programname = "cassandra" } }
