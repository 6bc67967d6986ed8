-- What the scripts for wrk have in common: requests made beforehand are sent in turn, and the figures come as one
-- line of JSON.
local turns = { requests = {} }
local at = 0

wrk.method = "POST"
wrk.headers["Content-Type"] = "text/xml; charset=utf-8"
wrk.headers["SOAPAction"] = '""'

function turns.made(token, message)
  local headers = { ["Authorization"] = "Bearer " .. token }
  for name, value in pairs(wrk.headers) do headers[name] = value end
  return wrk.format(nil, nil, headers, message)
end

function request()
  at = at % #turns.requests + 1
  return turns.requests[at]
end

function done(summary, latency)
  local e = summary.errors
  io.write(string.format('{"count": %d, "rate": %.1f, "p50_ms": %.3f, "p99_ms": %.3f, "errors": %d}\n', summary.requests,
    summary.requests / summary.duration * 1e6, latency:percentile(50) / 1000, latency:percentile(99) / 1000,
    e.connect + e.read + e.write + e.status + e.timeout))
end

return turns
