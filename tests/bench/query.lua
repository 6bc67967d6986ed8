-- GetConnectability of 20 contacts, for wrk: 500 messages made beforehand and sent in turn. Each of 100
-- users asks with his own token for the fourteen before him (ten let him see them, two refuse him, one
-- granted and one refused what he asked for) and for six others. With `-- new SEED` no question is asked
-- twice: each is made when it is sent, by any of the 10,000, about six of his fourteen and fourteen others.
local turns = dofile(debug.getinfo(1, "S").source:match("^@(.*/)") .. "turns.lua")
local PEOPLE, new = 10000, false

local function message(asker)
  local contacts = {}
  for k = 1, 20 do
    local n = k <= (new and 6 or 14) and (asker - 1 - k) % PEOPLE + 1 or math.random(1, PEOPLE)
    contacts[k] = string.format("<q:contact>tel:+331%08d</q:contact>", n)
  end
  return '<?xml version="1.0" encoding="UTF-8"?><e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"'
    .. ' xmlns:q="urn:whitebrick:coordination:1"><e:Body><q:GetConnectability>' .. table.concat(contacts)
    .. '</q:GetConnectability></e:Body></e:Envelope>'
end

local function question(asker)
  return turns.made(string.format("bench-user-%08d-0123456789abcdefghijkl", asker), message(asker))
end

function init(args)
  new = args[1] == "new"
  math.randomseed(new and tonumber(args[2]) or 42)
  for i = 1, new and 0 or 500 do turns.requests[i] = question(math.random(1, 100) * 97) end
end

local next_in_turn = request
function request()
  if new then return question(math.random(1, PEOPLE)) end
  return next_in_turn()
end
