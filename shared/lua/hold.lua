-- Give a job to one planner, or renew its hold. Answers with the fence, or refuses.
-- KEYS: the job's planner lease   ARGV: planner, lease in ms
local time = redis.call('TIME')  -- the server's clock: planners' clocks differ
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local held = redis.call('HMGET', KEYS[1], 'planner', 'held_until', 'fence')
if held[1] and held[1] ~= ARGV[1] and tonumber(held[2]) > now then
  return false
end
local fence = held[3]
if held[1] ~= ARGV[1] then
  fence = redis.call('HINCRBY', KEYS[1], 'fence', 1)
end
redis.call('HSET', KEYS[1], 'planner', ARGV[1], 'held_until', now + ARGV[2])
return tonumber(fence)
