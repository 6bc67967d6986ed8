-- GetEventLog, for wrk: -- TOKEN CONTENT LEAST MOST. RANDOM in the content becomes a number from LEAST to MOST.
local turns = dofile(debug.getinfo(1, "S").source:match("^@(.*/)") .. "turns.lua")

function init(args)
  math.randomseed(42)
  for i = 1, 200 do
    local content = args[2]:gsub("RANDOM", string.format("%d", math.random(tonumber(args[3]), tonumber(args[4]))))
    turns.requests[i] = turns.made(args[1], '<?xml version="1.0" encoding="UTF-8"?>'
      .. '<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/" xmlns:m="urn:whitebrick:events:1"><e:Body>'
      .. '<m:GetEventLog>' .. content .. '</m:GetEventLog></e:Body></e:Envelope>')
  end
end
