-- Give queued work to one worker, or refuse.
-- KEYS: the work, open work   ARGV: work id, lease in ms
if redis.call('HGET', KEYS[1], 'status') ~= 'queued' then
  return false
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local fence = redis.call('HINCRBY', KEYS[1], 'fence', 1)
local attempt = redis.call('HINCRBY', KEYS[1], 'attempt', 1)
redis.call('HSET', KEYS[1], 'status', 'running', 'claimed_at', now)
redis.call('HDEL', KEYS[1], 'progress')
redis.call('ZADD', KEYS[2], now + ARGV[2], ARGV[1])  -- where the reaper looks
return {fence, attempt, redis.call('HGET', KEYS[1], 'request')}
