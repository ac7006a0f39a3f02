-- limit: work
function process_message()
  return string.match(string.rep("a", 2000), "(.-)(.-)(.-)(.-)(.-)b")
end
