-- Remove a lesson and what was said about it. Its empty place stays, so that it is not banked again.
-- Answers whether there is such a place.
-- KEYS: lessons, what persons say about them   ARGV: the lesson's id
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then
  return 0
end
redis.call('HSET', KEYS[1], ARGV[1], '')
redis.call('HDEL', KEYS[2], ARGV[1])
return 1
