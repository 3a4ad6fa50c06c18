-- Put work back into the queue, if the caller still holds it. The reaper rings for it at once.
-- KEYS: the work, open work   ARGV: work id, fence, attempts to take back
local record = redis.call('HMGET', KEYS[1], 'fence', 'status')
if record[1] ~= ARGV[2] or record[2] ~= 'running' then
  return 0
end
redis.call('HINCRBY', KEYS[1], 'fence', 1)
redis.call('HINCRBY', KEYS[1], 'attempt', -ARGV[3])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('HSET', KEYS[1], 'status', 'queued', 'queued_at', now)
redis.call('HDEL', KEYS[1], 'progress')
redis.call('ZADD', KEYS[2], 0, ARGV[1])
return 1
