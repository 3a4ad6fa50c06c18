-- Leave queued work to another worker: its doorbell is rung again after a while, as if for the first time.
-- KEYS: the work, open work   ARGV: work id, ms until then
if redis.call('HGET', KEYS[1], 'status') ~= 'queued' then
  return 0
end
local time = redis.call('TIME')
local due = time[1] * 1000 + math.floor(time[2] / 1000) + ARGV[2]
redis.call('HSET', KEYS[1], 'rings', 0)
redis.call('ZADD', KEYS[2], 'XX', 'LT', due, ARGV[1])
return 1
