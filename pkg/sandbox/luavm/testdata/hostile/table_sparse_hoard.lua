-- limit: memory
local keep = {}
function process_message()
  for i = 1, 1e6 do
    local t = {}
    t[65000] = 1
    keep[i] = t
  end
end
