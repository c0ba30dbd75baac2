-- The mix of requests that wrk sends: short and long answers, streams, pins, customers, refusals. Drawn once, sent in a fixed order that each
-- thread begins elsewhere.

local key = os.getenv("SOAK_KEY")
local regions = {"scaleway-par-1", "ovh-gra-1", "atnorth-isl-1", "aws-us-east-1"}
local prepared = {}
local next_at = 0

local function post(body, headers)
  local all = {["Authorization"] = "Bearer " .. key, ["Content-Type"] = "application/json"}
  for name, value in pairs(headers or {}) do all[name] = value end
  prepared[#prepared + 1] = wrk.format("POST", "/v1/chat/completions", all, body)
end

local function chat(members)
  return '{"model":"m","messages":[{"role":"user","content":"' .. string.rep("soak ", 1 + #prepared % 40) .. '"}]' .. members .. "}"
end

function init(args)
  for i = 1, 64 do
    local kind = i % 16
    if kind < 6 then post(chat(',"user":"open","sim":{"tokens":' .. (4 + i) .. "}"))
    elseif kind < 8 then post(chat(',"user":"open","stream":true,"sim":{"tokens":8}'))
    elseif kind < 10 then post(chat(',"user":"eu-only","sim":{"tokens":4}'))
    elseif kind < 12 then post(chat(',"user":"open","vetted":{"region":"' .. regions[1 + i % 4] .. '"}'))
    elseif kind == 12 then post(chat(',"user":"open","vetted":{"routing":"carbon_aware"}'))
    elseif kind == 13 then post(chat(',"user":"eu-only","vetted":{"region":"aws-us-east-1"}'))
    elseif kind == 14 then post(chat(',"user":"open"'), {["x-ambit-region"] = "eu"})
    else post(chat(',"user":"open","sim":{"tokens":4000}'))
    end
  end
  prepared[#prepared + 1] = wrk.format("GET", "/v1/models", {["Authorization"] = "Bearer " .. key})
  prepared[#prepared + 1] = wrk.format("POST", "/v1/chat/completions", {["Authorization"] = "Bearer nobody"}, "{}")
  math.randomseed(os.time())
  next_at = math.random(#prepared)
end

function request()
  next_at = next_at % #prepared + 1
  return prepared[next_at]
end

function done(summary, latency)
  local e = summary.errors
  io.write(string.format('\nsoak {"requests":%d,"seconds":%.1f,"connect":%d,"read":%d,"write":%d,"status":%d,"timeout":%d,"p50_us":%d,"p99_us":%d}\n',
    summary.requests, summary.duration / 1e6, e.connect, e.read, e.write, e.status, e.timeout,
    latency:percentile(50), latency:percentile(99)))
end
