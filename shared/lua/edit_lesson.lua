-- Replace what a person says about a lesson. Answers with the lesson, or nothing where there is none.
-- KEYS: lessons, what persons say about them   ARGV: the lesson's id, what is said
local lesson = redis.call('HGET', KEYS[1], ARGV[1])
if not lesson or lesson == '' then
  return false
end
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
return lesson
