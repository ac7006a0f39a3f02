-- Which browser and system a User-Agent header names: grammars that capture
-- user_agent_os, user_agent_browser and user_agent_version.
local l = require "lpeg"
l.locale(l)
local g = require "log_grammar"
local known = require "user_agents"
local ipairs = ipairs

local M = {}
setfenv(1, M)

-- the version follows the word, or else the last slash
local version = l.Cg(l.digit ^ 1, "user_agent_version")
local slash = (1 - l.P "/") ^ 0 * "/"
local after_last_slash = (slash * #slash) ^ 0 * slash * version

system = l.P(false)
for _, s in ipairs(known.systems) do
    system = system + #g.search(l.P(s[1])) * l.Cg(l.Cc(s[2]), "user_agent_os")
end

browser = l.P(false)
for _, b in ipairs(known.browsers) do
    browser = browser + #g.search(l.P(b[1])) * l.Cg(l.Cc(b[1]), "user_agent_browser")
        * (b[2] and g.search(b[2] * version) or after_last_slash) ^ -1
end

return M
