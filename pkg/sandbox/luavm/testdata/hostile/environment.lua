-- limit: none
-- What reaches outside is not there.
function process_message()
  for _, name in ipairs({"io", "debug", "coroutine", "load", "loadfile", "loadstring",
      "dofile", "newproxy", "print", "collectgarbage", "channel", "_printregs"}) do
    assert(_G[name] == nil, name)
  end
  for _, name in ipairs({"execute", "exit", "getenv", "remove", "rename", "tmpname", "setenv", "setlocale"}) do
    assert(os[name] == nil, name)
  end
  assert(next(package) == nil)
  return 0
end
