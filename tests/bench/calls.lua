-- Calls written into a file beforehand, sent in turn, for wrk: `wrk ... -s calls.lua URL -- FILE`. A line of
-- the file is a Bearer token, a tab and a message.
local turns = dofile(debug.getinfo(1, "S").source:match("^@(.*/)") .. "turns.lua")

function init(args)
  for line in io.lines(args[1]) do
    turns.requests[#turns.requests + 1] = turns.made(line:match("^([^\t]*)\t(.*)$"))
  end
end
