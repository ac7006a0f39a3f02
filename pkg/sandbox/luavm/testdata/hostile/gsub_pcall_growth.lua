-- limit: memory work
local keep = {}
function process_message()
  for i = 1, 1e6 do
    local ok, s = pcall(string.gsub, string.rep("x", 1000), ".", "%0" .. string.rep("y", 100))
    keep[i] = s
  end
end
