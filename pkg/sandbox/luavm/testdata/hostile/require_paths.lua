-- limit: none
function process_message()
  for _, name in ipairs({"../../etc/passwd", "/etc/passwd", "..", "a..b", ".a", "a.", "a/b", "a\\b", "a\0b", ""}) do
    local ok, e = pcall(require, name)
    assert(not ok and e:find("invalid module name", 1, true), tostring(e))
  end
  return 0
end
