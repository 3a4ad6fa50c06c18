-- Write once that the user wants the job to stop. 0 when it has ended.
-- KEYS: planner lease, ledger   ARGV: event
if redis.call('HEXISTS', KEYS[1], 'ended') == 1 then
  return 0
end
if redis.call('HSETNX', KEYS[1], 'cancelled', 1) == 1 then
  redis.call('XADD', KEYS[2], '*', 'event', ARGV[1])
end
return 1
