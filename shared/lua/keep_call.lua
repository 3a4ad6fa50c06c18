-- Keep a call once, and of the calls of a piece of work the latest.
-- KEYS: the work's calls   ARGV: call, how many to keep
if not redis.call('LPOS', KEYS[1], ARGV[1]) then
  redis.call('RPUSH', KEYS[1], ARGV[1])
  redis.call('LTRIM', KEYS[1], -ARGV[2], -1)
end
