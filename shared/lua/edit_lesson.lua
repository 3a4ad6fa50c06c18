-- Change what a person says about a lesson; what is not given stays. Answers with the lesson and all
-- that is said about it, or nothing where there is no such lesson.
-- KEYS: lessons, what persons say about them   ARGV: the lesson's id, what is given
local lesson = redis.call('HGET', KEYS[1], ARGV[1])
if not lesson or lesson == '' then
  return false
end
local said = cjson.decode(redis.call('HGET', KEYS[2], ARGV[1]) or '{}')
for field, value in pairs(cjson.decode(ARGV[2])) do
  said[field] = value
end
local remark = cjson.encode(said)
redis.call('HSET', KEYS[2], ARGV[1], remark)
return {lesson, remark}
