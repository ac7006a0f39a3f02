-- limit: instructions memory work
function process_message()
  for i = 1, 1e6 do pcall(require, "no_such_module_" .. i) end
end
