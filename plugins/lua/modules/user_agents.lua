-- The words of a User-Agent header that name a system or a browser, the more
-- special ones first.
local M = {}
setfenv(1, M)

-- { word, what it means }
systems = {
    { "iPod", "iPod" }, { "iPad", "iPad" }, { "iPhone", "iPhone" }, { "Android", "Android" },
    { "BlackBerry", "BlackBerry" }, { "Linux", "Linux" }, { "Macintosh", "Macintosh" },
    { "Mozilla/5.0 (Mobile;", "FirefoxOS" }, { "Windows NT 10.0", "Windows 10" }, { "Windows NT 6.3", "Windows 8.1" },
    { "Windows NT 6.2", "Windows 8" }, { "Windows NT 6.1", "Windows 7" }, { "Windows NT 6.0", "Windows Vista" },
    { "Windows NT 5.1", "Windows XP" }, { "Windows NT 5.0", "Windows 2000" },
}

-- { word and name, what stands before the version }; without the latter the version
-- follows the last slash
browsers = {
    { "Edge", "Edge/" }, { "Chrome", "Chrome/" }, { "Opera Mini" }, { "Opera Mobi" }, { "Opera" },
    { "MSIE", "MSIE " }, { "Safari" }, { "Firefox", "Firefox/" },
}

return M
