-- ZooKeeper:  2017-03-13 06:38:43,081 - WARN  [NIOServerCxn.Factory] - text
-- A message that speaks of an exception goes on over the following lines.
local l = require "lpeg"
local g = require "log_grammar"
local java = require "log_java"

grammar = java.undashed
severity_label = "canonical"
severity_default = 6
defaults = { Type = "log", Fields = { programname = "zookeeper" } }

multiline = {
    open = g.search(l.S "eE" * "xception"),
    key = { "Logger", "Timestamp", "severity_label" },
    unmatched = "append",
    separator = "",
}
