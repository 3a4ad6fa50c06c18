-- Keep holding work, and say where it stands. Answers -1 when lost, 1 when it shall be given up, else 0.
-- KEYS: the work, open work   ARGV: work id, fence, lease in ms, progress or ''
local record = redis.call('HMGET', KEYS[1], 'fence', 'status', 'cancel')
if record[1] ~= ARGV[2] or record[2] ~= 'running' then
  return -1
end
local time = redis.call('TIME')
redis.call('ZADD', KEYS[2], time[1] * 1000 + math.floor(time[2] / 1000) + ARGV[3], ARGV[1])
if ARGV[4] ~= '' then
  redis.call('HSET', KEYS[1], 'progress', ARGV[4])
end
return record[3] and 1 or 0
