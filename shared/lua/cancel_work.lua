-- End queued work as cancelled; mark running work, so that its worker gives it up.
-- KEYS: planner lease, the work, open work, ledger   ARGV: planner's fence, work id, event
if redis.call('HGET', KEYS[1], 'fence') ~= ARGV[1] then
  return 0
end
local status = redis.call('HGET', KEYS[2], 'status')
if status == 'running' then
  redis.call('HSET', KEYS[2], 'cancel', 1)
elseif status == 'queued' then
  redis.call('HINCRBY', KEYS[2], 'fence', 1)
  redis.call('HSET', KEYS[2], 'status', 'ended')
  redis.call('HDEL', KEYS[2], 'request')
  redis.call('ZREM', KEYS[3], ARGV[2])
  redis.call('XADD', KEYS[4], '*', 'event', ARGV[3])
end
return 1
