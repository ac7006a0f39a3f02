-- limit: memory
local keep = {}
function process_message()
  for i = 1, 1e6 do
    local a, b, c, d = i, i, i, i
    keep[i] = function() return a, b, c, d end
  end
end
