-- limit: memory
local keep = {}
function process_message()
  local s = string.rep("x", 100000)
  for i = 1, 1000 do
    keep[#keep + 1] = s .. s .. s .. s .. s .. s .. s .. s .. s .. s .. i
  end
end
