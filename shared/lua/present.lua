-- Say that a worker is alive and how it is; forget those that have been silent for too long.
-- KEYS: the living, what they said, workers of the service that take work
-- ARGV: service/worker, worker, what it says, ms until it counts as gone, 1 when it takes work
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('HSET', KEYS[2], ARGV[1], ARGV[3])
redis.call('ZADD', KEYS[1], now + ARGV[4], ARGV[1])
if ARGV[5] == '1' then
  redis.call('ZADD', KEYS[3], now + ARGV[4], ARGV[2])
else
  redis.call('ZREM', KEYS[3], ARGV[2])
end
for _, gone in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now)) do
  redis.call('HDEL', KEYS[2], gone)
end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', now)
return 1
