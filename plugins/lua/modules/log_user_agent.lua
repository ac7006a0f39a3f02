-- Which browser and system a User-Agent header names: grammars that capture
-- user_agent_os, user_agent_browser and user_agent_version.
local l = require "lpeg"
l.locale(l)
local g = require "log_grammar"
local ipairs = ipairs

local M = {}
setfenv(1, M)

local systems = {
    { "iPod", "iPod" }, { "iPad", "iPad" }, { "iPhone", "iPhone" }, { "Android", "Android" },
    { "BlackBerry", "BlackBerry" }, { "Linux", "Linux" }, { "Macintosh", "Macintosh" },
    { "Mozilla/5.0 (Mobile;", "FirefoxOS" }, { "Windows NT 10.0", "Windows 10" }, { "Windows NT 6.3", "Windows 8.1" },
    { "Windows NT 6.2", "Windows 8" }, { "Windows NT 6.1", "Windows 7" }, { "Windows NT 6.0", "Windows Vista" },
    { "Windows NT 5.1", "Windows XP" }, { "Windows NT 5.0", "Windows 2000" },
}

-- the version follows the word, or else the last slash
local browsers = {
    { "Edge", "Edge/" }, { "Chrome", "Chrome/" }, { "Opera Mini" }, { "Opera Mobi" }, { "Opera" },
    { "MSIE", "MSIE " }, { "Safari" }, { "Firefox", "Firefox/" },
}

local version = l.Cg(l.digit ^ 1, "user_agent_version")
local slash = (1 - l.P "/") ^ 0 * "/"
local after_last_slash = (slash * #slash) ^ 0 * slash * version

system = l.P(false)
for _, s in ipairs(systems) do
    system = system + #g.search(l.P(s[1])) * l.Cg(l.Cc(s[2]), "user_agent_os")
end

browser = l.P(false)
for _, b in ipairs(browsers) do
    browser = browser + #g.search(l.P(b[1])) * l.Cg(l.Cc(b[1]), "user_agent_browser")
        * (b[2] and g.search(b[2] * version) or after_last_slash) ^ -1
end

return M
