-- Take overdue work from whoever has it: queue it again, or end it. Nothing happens when it moved on meanwhile.
-- KEYS: planner lease, the work, open work, ledger
-- ARGV: planner's fence, work id, the work's fence as read, new status, event or '', patience in ms
if redis.call('HGET', KEYS[1], 'fence') ~= ARGV[1] then
  return -1
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local due = redis.call('ZSCORE', KEYS[3], ARGV[2])
if not due or tonumber(due) > now or redis.call('HGET', KEYS[2], 'fence') ~= ARGV[3] then
  return 0
end
redis.call('HINCRBY', KEYS[2], 'fence', 1)
redis.call('HINCRBY', KEYS[2], 'rings', 1)
if redis.call('HGET', KEYS[2], 'status') == 'running' then
  redis.call('HSET', KEYS[2], 'queued_at', now)
end
redis.call('HSET', KEYS[2], 'status', ARGV[4])
redis.call('HDEL', KEYS[2], 'progress')
if ARGV[4] == 'ended' then
  redis.call('HDEL', KEYS[2], 'request')
  redis.call('ZREM', KEYS[3], ARGV[2])
else
  redis.call('ZADD', KEYS[3], now + ARGV[6], ARGV[2])
end
if ARGV[5] ~= '' then
  redis.call('XADD', KEYS[4], '*', 'event', ARGV[5])
end
return 1
