-- Set aside what a call may cost at most, for the job and the day, unless a cap would be passed.
-- Answers with {} or the cap in the way: {'job' or 'day', 'tokens' or 'money', what is spent of it}.
-- KEYS: the job's account, the day's account, this reservation
-- ARGV: tokens, money, caps of both for the job and for the day ('' for none), lifetimes in s of the day and of the reservation
if redis.call('EXISTS', KEYS[3]) == 1 then
  return {}  -- the same call again, sent twice after a timeout
end
for account, whose in ipairs({'job', 'day'}) do
  for place, unit in ipairs({'tokens', 'money'}) do
    local cap = tonumber(ARGV[2 * account + place])
    local spent = redis.call('HGET', KEYS[account], unit) or '0'
    if cap and tonumber(spent) + tonumber(ARGV[place]) > cap then
      return {whose, unit, spent}
    end
  end
end
for account = 1, 2 do
  redis.call('HINCRBY', KEYS[account], 'tokens', ARGV[1])
  redis.call('HINCRBY', KEYS[account], 'money', ARGV[2])
end
redis.call('EXPIRE', KEYS[2], ARGV[7])
redis.call('SET', KEYS[3], 1, 'EX', ARGV[8])
return {}
