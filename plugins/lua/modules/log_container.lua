-- What the decoders of container logs share: the level is looked for in the text,
-- and the stream's name may say whose log it is.
local l = require "lpeg"
l.locale(l)
local entry = require "log_entry"
local g = require "log_grammar"

local M = {}
setfenv(1, M)

-- logger_grammar reads <pod>_<namespace>_<container>-<id>, at the end of a path.
local x8 = l.xdigit * l.xdigit * l.xdigit * l.xdigit * l.xdigit * l.xdigit * l.xdigit * l.xdigit
local id = x8 * x8 * x8 * x8 * x8 * x8 * x8 * x8 * -l.xdigit
local part = (1 - l.S "_/") ^ 1
local container = (1 - (l.P "/" + l.P "-" * id)) ^ 1
logger_grammar = ((1 - l.P "/") ^ 0 * "/") ^ 0 * l.Cg(part, "kubernetes_pod") * "_" * l.Cg(part, "kubernetes_namespace") * "_"
    * l.Cg(container, "container_name") * "-" * l.Cg(id, "container_id") * l.Cg(l.Cb "container_name", "programname")

-- level finds a level inside a message: klog's letter, a JSON object's level, or
-- level=word.
local word = l.Cg(l.alpha ^ 1, "Severity")
local ws = l.space ^ 0
local function member(name) return g.search(l.P('"' .. name .. '"') * ws * ":" * ws * '"' * word * '"') end
local d = l.digit
level = l.Cg(l.S "IWEF", "Severity") * d * d * d * d * " " * d * d * ":" * d * d * ":" * d * d
    + #l.P "{" * (member "level" + member "severity")
    + -l.P "{" * g.search(-l.B(l.alnum) * "level=" * l.P '"' ^ -1 * word)

severity_map = entry.levels

return M
