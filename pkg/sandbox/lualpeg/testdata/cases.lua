-- Runs cases of module lpeg (and re) and returns their results as text, one
-- line a case, so that two implementations can be compared.
local m = require "lpeg"
local re = require "re"
local P, R, S, V, B = m.P, m.R, m.S, m.V, m.B
local C, Cc, Cg, Cb, Ct, Cf, Cs, Cmt, Cp, Carg = m.C, m.Cc, m.Cg, m.Cb, m.Ct, m.Cf, m.Cs, m.Cmt, m.Cp, m.Carg
local digit, alpha = R"09", R("az", "AZ")

local function show(v)
    if type(v) == "table" then
        local keys, parts = {}, {}
        for k in pairs(v) do keys[#keys + 1] = k end
        table.sort(keys, function(a, b) return tostring(a) < tostring(b) end)
        for _, k in ipairs(keys) do parts[#parts + 1] = tostring(k) .. "=" .. show(v[k]) end
        return "{" .. table.concat(parts, ",") .. "}"
    end
    return type(v) == "string" and string.format("'%s'", v) or tostring(v)
end

local lines = {}
local function result(ok, ...)
    local parts = {}
    for i = 1, select("#", ...) do parts[i] = show((select(i, ...))) end
    local text = table.concat(parts, " ")
    if not ok then text = "error " .. text:gsub("^'[^:]*:%d+: ", "'"):gsub("to '[^']*'", "to '?'") end
    lines[#lines + 1] = #lines + 1 .. ": " .. text
end
local function case(f, ...) result(pcall(f, ...)) end
local function try(p, ...) case(m.match, p, ...) end

-- plain matching and positions
for _, s in ipairs { "", "a", "ab", "abc", "xabc", "aab" } do
    for _, p in ipairs { P"ab", P(2), P(-1), P"a" ^ 1, P"a" ^ -1, S"ab" ^ 2, P"a" - "ab", -P"b" * 1, #P"ab" * C(1),
        (1 - P"c") ^ 0, (1 - P"bc") ^ 0 * "bc", P{ "ab" + 1 * V(1) }, C(alpha ^ 0) * -1, B"a" + "x" * B"x" * Cp() } do
        try(p, s)
    end
end
for _, init in ipairs { 1, 2, 3, 4, 10, -1, -2, -9, 0 } do try(C(1) + Cc"end", "abc", init) end
-- captures
try(C(C"a" * C"b") * C"c", "abc")
try(Cg(C"a" * C"b"), "ab")
try(Ct(Cg("a", "x") * Cg(C"b" * C"c", "y") * C"d" * Cp()), "abcd")
try(Ct(""), "")
try(Ct(Cg(Cc(nil), "n") * Cc(nil) * Cc(1)), "")
try(Cc(1, "two", false, nil), "")
try(Cg("a", "n") * Cb"n" * Cb"n", "a")
try(Cg(Cc(1, 2), "n") * Ct(Cb"n"), "")
try(Ct(Cg("a", "n")) * Cb"n", "a")
try(Cb"none", "a")
try(Carg(1) * Carg(2), "a", 1, "x", "y")
try(Carg(3), "a", 1, "x", "y")
try(C"a" / 0, "a")
try(C"a" * C"b" / 2, "ab")
try(C"a" / 3, "a")
try(C(1) / { a = "x" }, "a")
try(C(1) / { a = "x" }, "b")
try(Cs((C(1) / { a = "x" }) ^ 0), "abab")
try(P"a" / "%0-%0", "a")
try(C"a" * C"b" / "%2%1%0%%%x", "ab")
try(Ct"a" / "%1", "a")
try(C(C"a" * C"b") / "%1 %2 %3", "ab")
try(Cc(12) * Cc(1.5) / "%1 %2", "")
try(Cc(true) / "%1", "")
try(P"a" / "%5", "a")
try(C(1) / function(...) return select("#", ...), ... end, "q")
try(C"a" * Cp() / function(...) return ... end, "a")
try(P"a" / function() end, "a")
try(Cf(C(digit) * C(digit) ^ 0, function(a, b) return a + b end), "1234")
try(Cf(Ct"" * Cg(C(alpha) * "=" * C(digit)) ^ 0, rawset), "a=1b=2")
try(Cf(P"a", function() end), "a")
try(Cf(Cc() * C"a", function() end), "a")
try(Cf(C"a" * Cc(1) * Cc(2), function(a, n) return a .. n end), "a")
try(Cs((P"a" / "b" + C(1)) ^ 0), "xaya")
try(Cs(P"a" * (P"b" / "%0%0") * Cs(P"c" / "d")), "abc")
try(Cs(Cp() * "a"), "a")
try(Cs(P"a" / 0 * (P"b" / "")), "ab")
try(Cs(C"a" / function() return nil end * "b"), "ab")
try(Cs(C"a" / function() return {} end), "a")
try(C(1) / tonumber, "7")
try(C(P(1) ^ 1) / tonumber, " 0x1F ")
try(C(P(1) ^ 1) / tonumber, "1e3")
try(C(P(1) ^ 1) / tonumber, "1e")
try(C(P(1) ^ 1) / tonumber, "-.5")
try(C(P(1) ^ 2) * Cc(16) / tonumber, "ff")
-- match time
try(Cmt(1, function(s, i, c) return c == "a" end), "a")
try(Cmt(1, function(s, i, c) return i + 1, c, "more" end) * C(1), "abc")
try(Cmt(C(1) * C(1), function(s, i, x, y) return true, y, x end) * Cp(), "ab")
try(Cmt("a", function() return 1 end), "a")
try(Cmt("a", function() return 99 end), "a")
try(Cmt("a", function() return "2" end), "a")
try(Cmt("a", function() return false end) + C"a", "a")
try(Cmt("a", function() end) + Cc"no", "a")
try(Ct(Cg(Cmt("a", function() return true, 1, 2 end), "x") * Cmt("b", function() return true, 3, 4 end)), "ab")
try(Cs(Cmt("a", function() return true, "z" end) * "b"), "ab")
try(P(function(s, i) return i + 1 end) * Cp(), "ab")
try(Cmt("a", function(s, i) return m.match(Cmt("a", function() return true, "in" end) * Cp(), s) end), "a")
try(Cmt("a", error), "a")
-- grammars
local balanced = P{ "S", S = "(" * (1 - S"()" + V"S") ^ 0 * ")" }
try(balanced, "(a(b)c)")
try(balanced, "(a(b)c")
local sum = P{ "E", E = Cf(V"T" * Cg(C(S"+-") * V"T") ^ 0, function(a, o, b) return o == "+" and a + b or a - b end),
    T = (C(digit ^ 1) / tonumber + "(" * V"E" * ")") }
try(sum, "1+2-(3-4)+50")
for _, g in ipairs { { V(1) }, { "a" * V"x" }, { V"a", a = V"b" * "x", b = P"y" ^ 0 * V"a" }, { (V"e") ^ 0, e = P"" },
    { "none" }, {}, { 3 }, { P"a", b = 3 }, { "q", q = 3 } } do case(P, g) end
try(V"x", "")
try(P{ "0" * V(1) * "1" + "1" }, ("0"):rep(900))
-- refused operands
case(function() return P"" ^ 0 end)
case(function() return (P"a" + "") ^ 1 end)
case(function() return P"a" ^ {} end)
case(function() return P"a" / true end)
case(function() return P"a" * {} end)
case(function() return P"a" + io end)
case(B, P"a" ^ 0)
case(B, C"a")
case(B, 256)
case(R, "abc")
case(S, {})
case(Carg, 0)
case(Cmt, "a")
case(Cf, "a", 3)
case(V, nil)
case(P)
case(C, nil)
case(m.match, "a")
case(m.match, "a", {})
case(m.match, "a", "b", "c")
case(m.setmaxstack, 0)
case(m.locale, 3)
case(function() return m.type(P"a"), m.type(3), m.version() end)
for _, n in ipairs { "alnum", "alpha", "cntrl", "digit", "graph", "lower", "print", "punct", "space", "upper", "xdigit" } do
    local all = {}
    for c = 0, 255 do if m.match(m.locale()[n], string.char(c)) then all[#all + 1] = c end end
    case(function() return n, table.concat(all, " ") end)
end
-- re
case(re.match, "hello 12", "{[a-z]+} ' ' {%d+ -> n} / .", 1)
case(re.match, "a=1, b=2", "{| ({: {%a} '=' {%d} :} ','? %s*)* |}")
case(re.find, "the number 423 is odd", "[0-9]+")
case(re.find, "none", "[0-9]+")
case(re.gsub, "hello world", "[aeiou]", ".")
case(re.gsub, "hello", "{.}", { l = "L" })
case(re.match, "[==[x]==]", "'[' {:eq: '='* :} '[' {(!(']' =eq ']') .)*} ']' =eq ']'")
case(re.match, "(a(b))", "S <- '(' ([^()] / S)* ')'")
case(re.match, "aaa", "'a'^2 {}")
case(re.match, "aaa", "'a'^-2 {}")
case(re.match, "aaa", "'a'^+2 {}")
case(re.match, "abc", "{~ ('b' -> 'X' / .)* ~}")
case(re.match, "x-y", "[^-]+ '-' {[]a-y]}")
case(function() return re.compile("{%num} ~> f {a}", { num = digit, f = function() end }) end)
case(function() return m.match(re.compile("x -> f", { f = function() return "called" end }), "x") end)
case(function() return m.match(re.compile("'x' -> f", { f = function() return "called" end }), "x") end)
case(function() return m.match(re.compile("{%a} => f", { f = function(_, i, c) return i, c .. c end }), "x") end)
case(re.compile, "'a")
case(re.compile, "a <- 'x' a <- 'y'")
case(re.compile, "%nothere")
case(re.compile, "'a' -> nothere")
case(re.compile, "(")
case(re.compile, "undefinedrule")

return table.concat(lines, "\n") .. "\n"
