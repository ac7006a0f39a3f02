-- limit: error "not enough memory"
function process_message()
  local s, t = string.rep("x", 100000), {}
  for i = 1, 10000 do t[i] = s end
  return #table.concat(t)
end
