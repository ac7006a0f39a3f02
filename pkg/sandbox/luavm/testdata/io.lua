-- What the io library answers, one line for each call. The test defines D, a
-- directory that may be written to, and log, which notes a line.
local D_PATTERN = D:gsub("%p", "%%%0")
local function q(s)
  return (tostring(s):gsub("0x%x%x%x%x%x+", "ADDRESS"):gsub(D_PATTERN, "D"):gsub("[%z\1-\31\127-\255]", function(c) return "\\" .. c:byte() end))
end
local function show(label, ...)
  local t = {}
  for i = 1, select("#", ...) do
    local v = select(i, ...)
    local s = type(v) == "userdata" and tostring(v):gsub("%(0x%x+%)", "") .. ":" .. tostring(io.type(v)) or q(v)
    if #s > 300 then s = #s .. ":" .. s:sub(1, 40) .. "..." .. s:sub(-40) end
    t[#t + 1] = type(v) .. " " .. s
  end
  log(q(label) .. "\t" .. table.concat(t, "\t"))
end
local function P(label, f, ...) show(label, pcall(f, ...)) end
-- E runs source, so that functions are called by their names.
local function E(source)
  local f, message = loadstring(source, "=e")
  if f then show(source, pcall(f)) else show(source, "syntax", message) end
end
function N(name) return D .. "/" .. name end
local function put(name, text) local f = assert(io.open(N(name), "wb")) f:write(text) f:close() end
local function get(name) local f = io.open(N(name), "rb") if not f then return nil end local s = f:read("*a") f:close() return s end
put("plain", "plain\ntext\n")

for _, s in ipairs{
 'return io.lines("/nonexistent")',
 'return io.lines(nil)',
 'return io.lines({})',
 'return io.lines(io.stdin)',
 'return io.open("/nonexistent/x")',
 'return io.open()',
 'return io.open(nil)',
 'return io.open({})',
 'return io.open(D, "w")',
 'return io.open(D)',
 'local f = io.open(D) return f:read()',
 'local f = io.open(D) return f:read("*a")',
 'local f=io.open(D) return f:read(1)',
 'local f=io.open(D) return f:read(0)',
 'local f=io.open(D) return f:read("*n")',
 'local f=io.open(D) for l in f:lines() do end',
 'for l in io.lines(D) do end',
 'return io.open(N"x", "")',
 'return io.open(N"x", "z")',
 'return io.open(N"x", "br")',
 'return io.open(N"plain", "rw"):write("x")',
 'return io.open(N"plain", {})',
 'return io.open(N"plain", true)',
 'return io.open(N"plain", nil)',
 'return io.open(N"plain", 5)',
 'return io.open(N"plain\0abc"):close()',
 'return io.open(N"pla\0in")',
 'return io.open(N"plain", "r\0w"):close()',
 'return io.open("")',
 'return io.open("/proc/self/x/y")',
 'return io.open(N"plain/x")',
 'return io.close(1)',
 'return io.close(nil)',
 'return io.close("x")',
 'return io.close({})',
 'return io.close(io.stdin)',
 'return io.close(io.stdout)',
 'return io.close(io.stderr)',
 'return io.close()',
 'return io.stdout:close()',
 'return io.stdin.close(io.stdout)',
 'return io.stdout.close()',
 'return io.stdout.close(5)',
 'local f = io.open(N"plain") f:close() return f:close()',
 'local f = io.open(N"plain") f:close() return io.close(f)',
 'local f = io.open(N"plain") f:close() return f:read()',
 'local f = io.open(N"plain") f:close() return f:write()',
 'local f = io.open(N"plain") f:close() return f:lines()',
 'local f = io.open(N"plain") f:close() return f:seek()',
 'local f = io.open(N"plain") f:close() return f:setvbuf("no")',
 'local f = io.open(N"plain") f:close() return f:flush()',
 'local f = io.open(N"plain") f:close() return tostring(f), io.type(f)',
 'local f = io.open(N"plain") f:close() return io.input(f)',
 'local f = io.open(N"plain") f:close() return io.output(f)',
 'local f = io.open(N"plain") f:close() return f.__gc(f)',
 'local f = io.open(N"plain") return f.__gc(f), io.type(f)',
 'return io.stdout.__gc(io.stdout), io.type(io.stdout)',
 'return io.stdout.__gc()',
 'return io.type()',
 'return io.type(nil)',
 'return io.type(5)',
 'return io.type(io.stdin)',
 'return io.type(newproxy(true))',
 'return io.type({})',
 'return io.type(io)',
 'return io.input("/nonexistent")',
 'return io.input({})',
 'return io.input(true)',
 'return io.input(nil) == io.stdin',
 'return io.input(42)',
 'return io.output("/nonexistent/x")',
 'return io.output({})',
 'return io.output(io.stdin) == io.stdin',
 'return io.write("x")',
 'return io.output(io.stdout) == io.stdout',
 'return io.input(print)',
 'return io.read({})',
 'return io.read("x")',
 'return io.read("*x")',
 'return io.read("")',
 'return io.read("*")',
 'return io.read(true)',
 'return io.read(nil)',
 'return io.stdin:read("x")',
 'return io.stdin:read({})',
 'return io.stdin:read(nil)',
 'return io.stdin.read(5)',
 'return io.stdin.read()',
 'return io.stdout:read()',
 'return io.stdout:read(0)',
 'return io.stdout:read("*a")',
 'return io.stdout:read("*n")',
 'return io.stdout:read(5)',
 'return io.stdin:write("x")',
 'return io.stdin:write(5)',
 'return io.stdin:write("")',
 'return io.stdin:write()',
 'return io.stdin:write({})',
 'return io.stdin:write(nil)',
 'return io.stdin:write("a", {})',
 'return io.write({})',
 'return io.write(nil)',
 'return io.write(true)',
 'return io.write()',
 'return io.stdout:write()',
 'return io.write("a", {})',
 'return io.write(print)',
 'return io.stdout.write("x")',
 'return io.stdout.write()',
 'return io.stdin:seek("x")',
 'return io.stdin:seek(5)',
 'return io.stdin:seek({})',
 'return io.stdin:seek("set", "x")',
 'return io.stdin:seek("set", {})',
 'return io.stdin.seek()',
 'return io.stdin:seek(nil, nil)',
 'return io.stdin:seek("set", "0")',
 'return io.stdin:seek("set", -1)',
 'return io.stdin:setvbuf()',
 'return io.stdin:setvbuf("x")',
 'return io.stdin:setvbuf(nil)',
 'return io.stdin:setvbuf({})',
 'return io.stdin:setvbuf("full", "x")',
 'return io.stdin:setvbuf("full", {})',
 'return io.stdin:setvbuf("full", 1024)',
 'return io.stdin:setvbuf("full", -1)',
 'return io.popen()',
 'return io.popen({})',
 'return io.popen("true", "x")',
 'return io.popen("true", "rw")',
 'return io.popen("true", "rb")',
 'return io.popen("true", {})',
 'return io.popen("true", "")',
 'return io.popen("true", "re"):close()',
 'return io.popen("exit 3"):close()',
 'return io.popen("kill -9 $$"):close()',
 'return io.popen("exit 3", "w"):close()',
 'return io.popen("echo a; echo b"):read("*l", "*l", "*l")',
 'return io.popen("printf abc"):read("*a")',
 'return io.popen("echo 5 6"):read("*n", "*n", "*n")',
 'return io.popen("echo"):seek()',
 'return io.popen("echo"):write("x")',
 'return io.popen("cat >/dev/null", "w"):read("*a")',
 'return io.popen("nonexistent_command 2>/dev/null"):read("*a")',
 'return io.popen("nonexistent_command 2>/dev/null"):close()',
 'local t = {} for l in io.popen("seq 5"):lines() do t[#t+1]=l end return table.concat(t, ",")',
 'local f = io.popen("echo x") f:close() return f:close()',
 'local f = io.popen("true") return io.close(f)',
 'return tostring(io.popen("true")):match("^file %(")',
 'return io.popen("echo a\0b"):read("*a")',
 'local f = io.popen("true") return f.__gc(f), io.type(f)',
 'return io.popen(5):close()',
 'return io.tmpfile(5):close()',
 'local f = io.tmpfile() f:write("abc") f:seek("set") return f:read("*a")',
 'local f = io.tmpfile() f:write("12 13") f:seek("set") return f:read("*n","*n")',
 'return io.flush(5)',
 'return io.stdout:flush()',
 'return io.stdin:flush()',
 'return io.flush()',
 'return io.stdout.flush()',
 'return getmetatable(io.stdout).__index == getmetatable(io.stdout)',
 'return getmetatable(io.stdout).__name',
 'local t = {} for k in pairs(getmetatable(io.stdout)) do t[#t+1]=k end table.sort(t) return table.concat(t, " ")',
 'local t = {} for k in pairs(io) do t[#t+1]=k end table.sort(t) return table.concat(t, " ")',
 'return tostring(io.stdout):match("^file %(0x%x+%)$") ~= nil',
 'return getmetatable(io.stdout).__tostring(5)',
 'return io.stdout.foo',
 'return io.stdout:foo()',
 'io.stdout.x = 5',
 'return #io.stdout',
 'return io.stdout .. "x"',
 'return io.stdout < io.stderr',
 'return io.stdout == io.stdout',
 'return io.open("/dev/full", "w"):write("x")',
 'local f = io.open("/dev/full", "w") f:write("x") return f:flush()',
 'local f = io.open("/dev/full", "w") f:write("x") return f:close()',
 'local f = io.open("/dev/full", "w") f:write("x") f:flush() return f:close()',
 'local f = io.open("/dev/full", "w") return f:write(("x"):rep(5000))',
 'local f = io.open("/dev/full", "w") return f:write(("x"):rep(4095))',
 'local f = io.open("/dev/full", "w") return f:write(("x"):rep(4096))',
 'local f = io.open("/dev/full", "w") f:write("a") return f:write(("x"):rep(4095))',
 'local f = io.open("/dev/full", "w") f:write("a") return f:write(("x"):rep(4096))',
 'local f = io.open("/dev/full", "w") f:write("a") return f:seek("set", 0)',
 'local f = io.open("/dev/full", "w") f:setvbuf("no") return f:write("x")',
 'local f = io.open("/dev/full", "w") f:setvbuf("no") return f:write(5)',
 'local f = io.open("/dev/full", "w") f:setvbuf("line") return f:write("x")',
 'local f = io.open("/dev/full", "w") f:setvbuf("line") return f:write("x\\n")',
 'local f = io.open("/dev/full", "w") f:write("x") return f:setvbuf("no")',
 'local f = io.open("/dev/full", "w") f:setvbuf("no") return f:write("x", "y", {})',
 'local f = io.open("/dev/full", "r") return f:read(5)',
 'local f = io.open("/dev/null") return f:read()',
 'local f = io.open("/dev/null") return f:seek("end")',
 'local f=io.open("/dev/null") return f:read("*a", "*a")',
 'local f=io.open("/dev/zero") return #f:read(10000)',
 'local f = io.open("/dev/zero") return f:read(1):byte()',
 'return os.remove("/nonexistent")',
 'return os.remove()',
 'return os.remove({})',
 'return os.rename("/nonexistent", N"y")',
 'return os.rename("/nonexistent")',
 'return os.getenv("NOPE")',
 'return os.getenv()',
 'return os.execute()',
 'return os.execute("exit 3")',
 'return os.execute("true")',
 'return os.execute("kill -9 $$")',
 'return os.execute({})',
 'return os.execute("nonexistent_command 2>/dev/null")',
 'return os.setlocale()',
 'return os.setlocale("C")',
 'return os.setlocale("")',
 'return os.setlocale("xx")',
 'return os.setlocale("C", "ctype")',
 'return os.setlocale("C", "x")',
 'return os.setlocale(nil, "all")',
 'return os.setlocale({})',
 'return os.setlocale("POSIX")',
 'local n = os.tmpname() local f = io.open(n) local ok = f ~= nil f:close() os.remove(n) return ok, (n:gsub("%w+$", "XXXXXX"))',
 'return os.exit({})',
 'return os.exit("x")',
 'return io.read(1e300)',
 'return io.read(-1)',
 'return io.read(0.5)',
 'return io.read("5")',
 'local ok, e = pcall(io.stdin.read, io.stdin, "x") return e',
 'local r = io.stdin.read return r(io.stdin, "x")',
 'local t = {r = io.read} return t.r("x")',
 'local t = {r = io.read} return t:r()',
 'return (io.read)("x")',
 'local f = io.lines; return f("/nonexistent")',
 'local f=io.stdin.seek return f(io.stdin, "q")',
 'local f=io.stdin.seek f(5)',
 'io.stdin.seek(5)',
 'local s = io.stdin; s.seek(s, "q")',
} do E(s) end
io.output(io.stdout) io.input(io.stdin)
for _, n in ipairs{"close","flush","input","lines","open","output","popen","read","tmpfile","type","write"} do
  if n ~= "tmpfile" then P("pcall io."..n, io[n]) P("pcall nil io."..n, io[n], nil) P("pcall {} io."..n, io[n], {}) end
end
for _, n in ipairs{"close","flush","lines","read","seek","setvbuf","write","__gc","__tostring"} do P("pcall f."..n, io.stdin[n]) P("pcall 5 f."..n, io.stdin[n], 5) P("pcall f {} "..n, io.stdin[n], io.stdin, {}) end
-- default files that are closed
put("d", "one\ntwo\n")
io.input(N"d") io.close(io.input())
E'return io.read()' E'return io.lines()' E'return io.input()' E'return io.read("x")' E'return io.input() == io.stdin'
io.input(io.stdin)
io.output(N"o") E'return io.close()' E'return io.close()' E'return io.write("x")' E'return io.flush()' E'return io.output()' io.output(io.stdout)
-- numbers
local numbers = {"1","  12 ","\n\t 5","-3","+4","- 3","1e5","1e","1e+","1e+5","1ex","1.5.5","..5",".5","5.",".","-.","-.5","0x10","0x","0x.","0x.8","0x1p4","0x1p","0x1.8p-1","0xg","0x1e5","1p4","nan","NaN","-nan","nanx","nax","na","n","inf","INF","-inf","infinity","infinit","infinitx","infi","infx","in","inx","-","+","abc","","   ","1,5","1_0","1e999","1e-999","-1e999","00012","1d5","12abc","1 2 3","--5","+-5","0","-0","0x8000000000000000","123456789012345678901234567890","1e5e5","1E5","0X1F","0x1P2","e5",".e5","5.e1","0e","0.","0.e","0x0p","nan(1)","-i","+n","0b1","0x1.","0x.p1","1.e+x","1e+-5","1e5-","1e5+3","0x1p+3","0x1p+-3","0x1e+5","0x1ep5","inf5","nan5","infinity5","\1601"}
for i, s in ipairs(numbers) do
  put("n", s)
  local f = io.open(N"n") show("num " .. s, f:read("*n")) show(" rest", f:read("*a")) show(" at", f:seek()) f:close()
  put("n", s .. "\nnext\n")
  f = io.open(N"n") show("num+ " .. s, f:read("*n", "*l", "*l")) f:close()
  f = io.open(N"n") f:setvbuf("no") show("num- " .. s, f:read("*n", "*n", "*a")) f:close()
  f = io.open(N"n") show("num@ " .. s, f:read("*n", "*n", "*n")) show(" rest", f:read("*a")) f:close()
end
for _, pad in ipairs{4090, 4094, 4095, 4096, 4097} do
  for _, s in ipairs{"12345 x", "0x1Fz", "infx", "nanx", "inx", "1e5x", "1e+x"} do
    put("n", (" "):rep(pad) .. s) local f = io.open(N"n") show("pad " .. pad .. s, f:read("*n")) show(" rest", f:read("*a")) f:close()
  end
end
put("n", ("7"):rep(10000)) local f = io.open(N"n") show("long", f:read("*n")) show("long", f:read("*a")) f:close()
put("n", ("0"):rep(10000) .. "5 6") f = io.open(N"n") show("long", f:read("*n", "*n")) f:close()
put("n", "0." .. ("0"):rep(400) .. "5 6") f = io.open(N"n") show("long", f:read("*n", "*n")) f:close()
-- lines
for _, s in ipairs{"", "\n", "a", "a\n", "a\nb", "a\n\nb\n\n", "\r\n", "a\r\nb\r\n", ("x"):rep(4096), ("x"):rep(4095).."\n", ("x"):rep(4096).."\n", ("x"):rep(8192).."\ny", ("x"):rep(20000).."\n"..("y"):rep(20000)} do
  put("l", s)
  local t = {} for l in io.lines(N"l") do t[#t+1] = "[" .. l .. "]" end show("lines", unpack(t))
  local f = io.open(N"l") show("l*3", f:read("*l", "*l", "*l")) show("l", f:read("*l")) show("a", f:read("*a")) show("a", f:read("*a")) show("0", f:read(0)) show("l", f:read()) f:close()
  f = io.open(N"l") show("0", f:read(0)) show("0,1", f:read(0, 1, 0)) show("4096", f:read(4096)) show("4096", f:read(4096)) show("big", f:read(1e6)) show("big", f:read(1e6)) f:close()
  local it = io.lines(N"l") local ok, v repeat ok, v = pcall(it) until not ok or not v show("after", ok, v) P("after", it) P("after", it)
  f = io.open(N"l") it = f:lines() while it() do end show("end", pcall(it)) show("type", io.type(f)) show("read", f:read("*a")) f:seek("set") show("again", it()) f:close() P("closed", it)
end
-- appended after EOF
put("l", "a\n") do local f = io.open(N"l") local it = f:lines() show("it", it()) show("it", it()) local g = io.open(N"l", "a") g:write("b\nc") g:close() show("it sticky", it()) show("read", f:read()) show("it", it()) show("it", it()) f:close() end
-- seeking
put("s", "0123456789")
do local f = io.open(N"s", "r+")
  for _, a in ipairs{{"set", 3}, {"cur", 2}, {"cur", -1}, {"end"}, {"end", -3}, {"set", -1}, {"cur", -100}, {"end", 10}, {"cur"}, {}, {"set", 2^40}, {"set", 2^63}, {"set", 1e300}, {"set", 0/0}, {"set", 2.7}, {"cur", -0.5}, {"set", "4"}, {nil, 3}} do show("seek", f:seek(a[1], a[2])) show("read", f:read(1)) end
  f:seek("set", 15) f:write("X") f:seek("set") show("hole", f:read("*a")) f:close() end
-- sparse
do local f = io.open(N"sp", "w+") f:seek("set", 100000) f:write("end") show(f:seek("end")) f:seek("set", 99998) show("sparse", f:read("*a")) f:seek("set") show("sparse", f:read(3)) f:close() end
-- sticky errors
put("e", "abc\ndef\n")
do local f = io.open(N"e") local it = f:lines() show("w", f:write("x")) P("it after failed write", it) show("r", f:read()) P("it", it) f:close() end
do local f = io.open(N"e", "w") local it = f:lines() P("it", it) show("r", f:read()) show("w", f:write("q")) P("it", it) show("c", f:close()) show("e", get"e") end
do local f = io.open(N"e", "a") show("a seek", f:seek()) f:write("12") show("a seek", f:seek()) f:seek("set") f:write("34") show("a seek", f:seek()) f:close() show("e", get"e") end
do local f = io.open(N"e", "a+") show("a+ seek", f:seek()) show(f:read(1)) f:write("56") show("s", f:seek()) show("r", f:read(1)) show("a seek", f:seek()) f:seek("set", 1) show("r", f:read(2)) f:write("78") show("s", f:seek("cur")) f:seek("set") show("all", f:read("*a")) f:close() end
do local f = io.open(N"e", "w+") f:write("hello") f:seek("set", 0) show("r", f:read(2)) f:write("XX") f:seek("cur") show("r", f:read("*a")) f:seek("set") show("all", f:read("*a")) f:close() end
do put("e", "hello world") local f = io.open(N"e", "r+") show(f:read(5)) f:write("_____") show(f:read(1)) f:seek("set") show(f:read("*a")) f:write("!") f:seek("set", 0) show(f:read("*a")) f:close() end
-- flush on input gives back
do put("e", "line1\nline2\nline3\n") local f = io.open(N"e") f:read() show("fl", f:flush()) show("s", f:seek()) show("r", f:read()) f:close() end
-- multiple handles and visibility
do local f = io.open(N"v", "w") local g = io.open(N"v") for _, n in ipairs{1, 10, 4084, 1, 4096, 4097, 8192, 3, 10000} do f:write(("v"):rep(n)) g:seek("set") show("vis", n, #g:read("*a")) end f:flush() g:seek("set") show("vis", #g:read("*a")) f:close() g:close() end
do local f = io.open(N"v", "w") f:setvbuf("line") local g = io.open(N"v") for _, s in ipairs{"a", "b\n", "c\nd", "\n", ("x"):rep(5000), ("y"):rep(5000) .. "\nz", "\n\n"} do f:write(s) g:seek("set") show("vis", #g:read("*a")) end f:close() g:close() end
do local f = io.open(N"v", "w") f:setvbuf("no") local g = io.open(N"v") for _, s in ipairs{"a", 5, "", ("x"):rep(5000)} do f:write(s) g:seek("set") show("vis", #g:read("*a")) end f:close() g:close() end
do local f = io.open(N"v", "w") f:write("abc") f:setvbuf("no") local g = io.open(N"v") show("vis", g:read("*a")) f:write("d") g:seek("set") show("vis", g:read("*a")) f:setvbuf("full") f:write("ef") g:seek("set") show("vis", g:read("*a")) f:close() g:close() end
-- popen and ordering
do local f = io.popen("cat > " .. N"p", "w") show(f:write("to cat\n", 5, "\n")) show(f:close()) show(get"p") end
do local f = io.popen("cat " .. N"p") show(f:read("*l", "*n", "*a")) show(f:read("*a")) show(f:read()) show(f:close()) end
do local f = io.popen("echo err >&2; echo out", "r") show(f:read("*a")) f:close() end
do local f = io.popen("head -c1 >/dev/null", "w") f:write("x") show(f:close()) end
-- os
do put("r1", "x") show(os.rename(N"r1", N"r2")) show(os.rename(N"r1", N"r2")) show(os.remove(N"r2")) show(os.remove(N"r2")) os.execute("mkdir " .. N"dir") show(os.remove(N"dir")) os.execute("mkdir -p " .. N"dir/sub") show(os.remove(N"dir")) put("ro", "x") show(os.rename(N"ro", N"dir")) show(os.rename(N"dir", N"ro")) show(os.remove(N"ro/x")) end
-- numbers written
do local f = io.open(N"w", "w") show(f:write(1, " ", 1.5, " ", 1e15, " ", 1e100, " ", -0, " ", 0/0, " ", 1/0, " ", -1/0, " ", 2^53, " ", 0.1, " ", 123456789012345678, "\n")) f:close() show(get"w") end
-- setfenv'd/other
show(io.lines(N"w")()) show(select("#", io.lines(N"w"))) show(select("#", io.open(N"w"))) show(type(io.lines(N"w")))
show(io.stdin:read(0)) show(io.read("*l")) show(io.stdin:read("*n", 1)) show(io.read("*l")) for l in io.lines() do show("stdin line", l) end show(io.read("*a")) show(io.read()) show(io.lines()())
show(io.stdin:seek("set", 0)) show(io.read())
