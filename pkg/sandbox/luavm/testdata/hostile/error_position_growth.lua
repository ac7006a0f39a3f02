-- limit: memory work instructions
function process_message()
  local m = "x"
  while true do
    local _, e = pcall(error, m .. m)
    m = e
    if #m > 1000000 then keep = {keep, m}; m = "x" .. #m end
  end
end
