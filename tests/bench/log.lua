-- GetEventLog, for wrk: -- TOKEN CONTENT LEAST MOST. RANDOM in the content becomes a number from LEAST to MOST.
wrk.method = "POST"
local requests, at = {}, 0

function init(args)
  math.randomseed(42)
  local headers = { ["Content-Type"] = "text/xml; charset=utf-8", ["SOAPAction"] = '""', ["Authorization"] = "Bearer " .. args[1] }
  for i = 1, 200 do
    local content = args[2]:gsub("RANDOM", string.format("%d", math.random(tonumber(args[3]), tonumber(args[4]))))
    requests[i] = wrk.format(nil, nil, headers, '<?xml version="1.0" encoding="UTF-8"?>'
      .. '<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/" xmlns:m="urn:whitebrick:events:1"><e:Body>'
      .. '<m:GetEventLog>' .. content .. '</m:GetEventLog></e:Body></e:Envelope>')
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
