-- Calico. Option calico_service: felix, bird or confd.
--   felix: 2017-03-13 12:01:36.300 [INFO][96] file.go 416: text
--   bird:  2017-03-13_09:57:11.84304 bird: text
--   confd: 2017-03-13T09:57:11Z cmp01 confd[92]: DEBUG text
local l = require "lpeg"
l.locale(l)
local g = require "log_grammar"

local service = read_config("calico_service") or ""

local blanks = l.space ^ 1
local number = l.digit ^ 1
local level = l.Cg(l.alpha ^ 1, "severity_label")
local grammars = {
    felix = g.timestamp * blanks * "[" * level * "][" * number * "]" * blanks
        * (l.alnum + l.S "._-/") ^ 1 * blanks * number * ":" * blanks * g.payload,
    -- the stamp is svlogd's, which writes UTC
    bird = l.Cg(g.stamp / "%0Z", "Timestamp") * blanks * "bird" * l.P "6" ^ -1 * ":" * blanks * g.payload,
    confd = g.timestamp * blanks * (1 - l.space) ^ 1 * blanks * "confd[" * number * "]:" * blanks
        * level * blanks * g.payload,
}

grammar = grammars[service]
severity_label = "canonical"
severity_default = 6
defaults = { Type = "log", Severity = 6, Fields = { programname = "calico-" .. service } }

if not grammar then
    function process_message()
        return -1, "calico_service is '" .. service .. "'; it must be felix, bird or confd"
    end
end
