-- GCRA on the server's own clock. KEYS[1] holds the theoretical arrival time in
-- microseconds since 1970, below 2^53, so that Lua's numbers hold it exactly.
-- ARGV: emission and burst in microseconds. Returns {1 if allowed, microseconds ahead}.
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local emission, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local tat = math.max(tonumber(redis.call('GET', KEYS[1]) or now), now)
if tat + emission > now + burst then
  return {0, tat - now}
end
tat = tat + emission
redis.call('SET', KEYS[1], string.format('%.0f', tat), 'PX', math.ceil((tat - now) / 1000))
return {1, tat - now}
