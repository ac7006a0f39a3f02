-- Cassandra:  2017-03-13 08:52:14,070 - DEBUG - text
-- or, in its own default layout:  INFO  [main] 2017-03-13 08:52:14,070 File.java:12 - text
local java = require "log_java"

process_message = java.process("cassandra", java.dashed + java.cassandra)
