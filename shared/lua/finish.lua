-- Record how work ended and write it into the ledger, if the caller still holds it. 0 when lost.
-- One comparison is enough: whoever takes work away raises its fence.
-- KEYS: the work, open work, ledger   ARGV: work id, fence, event
local record = redis.call('HMGET', KEYS[1], 'fence', 'status')
if record[1] ~= ARGV[2] then
  return 0
end
if record[2] == 'ended' then
  return 1  -- the same call again, sent twice after a timeout
end
redis.call('HSET', KEYS[1], 'status', 'ended')
redis.call('HDEL', KEYS[1], 'progress', 'request')
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('XADD', KEYS[3], '*', 'event', ARGV[3])
return 1
