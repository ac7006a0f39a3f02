-- limit: memory instructions work
function process_message()
  local t = {}
  local key = string.rep("k", 1000000)
  for i = 1, 1e6 do
    local ok, e = pcall(function() return t[key][key] end)
    keep = {keep, e}
  end
end
