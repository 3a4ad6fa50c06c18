-- Turn a draft into a job, once. Answers with the digest of the job as approved, or refuses: the draft has ended or will.
-- KEYS: planner lease, ledger   ARGV: event, digest
local stands = redis.call('HMGET', KEYS[1], 'approved', 'ended', 'cancelled')
if stands[1] then
  return stands[1]  -- the same call again, or another job for the same draft
end
if stands[2] or stands[3] then
  return false
end
redis.call('HSET', KEYS[1], 'approved', ARGV[2])
redis.call('XADD', KEYS[2], '*', 'event', ARGV[1])
return ARGV[2]
