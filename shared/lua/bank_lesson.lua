-- Keep a lesson in place of an earlier one, unless a person removed that: its empty place stays.
-- KEYS: lessons   ARGV: the lesson's id, the lesson
if redis.call('HGET', KEYS[1], ARGV[1]) ~= '' then
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
end
