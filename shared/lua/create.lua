-- Open a job's ledger once for each idempotency key. Answers with {job id, digest} of the first use.
-- KEYS: ledger, all jobs, active jobs, idempotency record   ARGV: job id, event, digest, key lifetime in s
local first = redis.call('HMGET', KEYS[4], 'job', 'digest')
if first[1] then
  return first
end
local time = redis.call('TIME')
redis.call('XADD', KEYS[1], '*', 'event', ARGV[2])
redis.call('ZADD', KEYS[2], time[1] * 1000 + math.floor(time[2] / 1000), ARGV[1])
redis.call('ZADD', KEYS[3], time[1] * 1000 + math.floor(time[2] / 1000), ARGV[1])
redis.call('HSET', KEYS[4], 'job', ARGV[1], 'digest', ARGV[3])
redis.call('EXPIRE', KEYS[4], ARGV[4])
return {ARGV[1], ARGV[3]}
