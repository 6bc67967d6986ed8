-- Calls written into a file beforehand, sent in turn, for wrk: `wrk ... -s calls.lua URL -- FILE`. A line of
-- the file is a Bearer token, a tab and a message.
wrk.method = "POST"
wrk.headers["Content-Type"] = "text/xml; charset=utf-8"
wrk.headers["SOAPAction"] = '""'
local requests, at = {}, 0

function init(args)
  for line in io.lines(args[1]) do
    local token, message = line:match("^([^\t]*)\t(.*)$")
    local headers = { ["Authorization"] = "Bearer " .. token }
    for name, value in pairs(wrk.headers) do headers[name] = value end
    requests[#requests + 1] = wrk.format(nil, nil, headers, message)
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
