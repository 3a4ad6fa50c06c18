-- Write a job's last entry, once. 0 when another planner has the job.
-- KEYS: planner lease, ledger, active jobs   ARGV: planner's fence, job id, event
if redis.call('HGET', KEYS[1], 'fence') ~= ARGV[1] then
  return 0
end
if redis.call('HSETNX', KEYS[1], 'ended', 1) == 1 then
  redis.call('XADD', KEYS[2], '*', 'event', ARGV[3])
  redis.call('ZREM', KEYS[3], ARGV[2])
end
return 1
