-- GetConnectability of 20 contacts, for wrk: 500 messages made beforehand and sent in turn. Each of 100
-- users asks with his own token for the fourteen before him (ten let him see them, two refuse him, one
-- granted and one refused what he asked for) and for six others.
wrk.method = "POST"
wrk.headers["Content-Type"] = "text/xml; charset=utf-8"
wrk.headers["SOAPAction"] = '""'
local PEOPLE, requests, at = 10000, {}, 0

local function message(asker)
  local contacts = {}
  for k = 1, 20 do
    local n = k <= 14 and (asker - 1 - k) % PEOPLE + 1 or math.random(1, PEOPLE)
    contacts[k] = string.format("<q:contact>tel:+331%08d</q:contact>", n)
  end
  return '<?xml version="1.0" encoding="UTF-8"?><e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"'
    .. ' xmlns:q="urn:whitebrick:coordination:1"><e:Body><q:GetConnectability>' .. table.concat(contacts)
    .. '</q:GetConnectability></e:Body></e:Envelope>'
end

function init(args)
  math.randomseed(42)
  for i = 1, 500 do
    local asker = math.random(1, 100) * 97
    local headers = { ["Authorization"] = string.format("Bearer bench-user-%08d-0123456789abcdefghijkl", asker) }
    for name, value in pairs(wrk.headers) do headers[name] = value end
    requests[i] = wrk.format(nil, nil, headers, message(asker))
  end
end

function request()
  at = at % #requests + 1
  return requests[at]
end

function done(summary, latency)
  local e = summary.errors
  io.write(string.format('{"count": %d, "rate": %.1f, "p50_ms": %.3f, "p99_ms": %.3f, "errors": %d}\n', summary.requests,
    summary.requests / summary.duration * 1e6, latency:percentile(50) / 1000, latency:percentile(99) / 1000,
    e.connect + e.read + e.write + e.status + e.timeout))
end
