-- Queue a piece of work and write it into the ledger, once.
-- KEYS: planner lease, ledger, the work, open work   ARGV: planner's fence, work id, event, request, patience in ms, service
if redis.call('HGET', KEYS[1], 'fence') ~= ARGV[1] then
  return 0
end
if redis.call('EXISTS', KEYS[3]) == 1 then
  return 1
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('HSET', KEYS[3], 'status', 'queued', 'attempt', 0, 'fence', 0, 'rings', 1, 'request', ARGV[4],
  'service', ARGV[6], 'queued_at', now)
redis.call('ZADD', KEYS[4], now + ARGV[5], ARGV[2])
redis.call('XADD', KEYS[2], '*', 'event', ARGV[3])
return 1
