-- Replace what was set aside for a call by what it cost.
-- KEYS: the job's account, the day's account, this settlement
-- ARGV: tokens and money to add (below 0 where less was spent), lifetimes in s of the day and of the settlement
if redis.call('SET', KEYS[3], 1, 'NX', 'EX', ARGV[4]) then
  for account = 1, 2 do
    redis.call('HINCRBY', KEYS[account], 'tokens', ARGV[1])
    redis.call('HINCRBY', KEYS[account], 'money', ARGV[2])
  end
  redis.call('EXPIRE', KEYS[2], ARGV[3])
end
