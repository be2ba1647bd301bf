#!lua flags=allow-oom
-- Remembers an answer that was given, or tokens that were spent, in a conversation.
-- KEYS[1]  dw:{<shard>}:rp:<lane>: "t" tokens; "a" answers, oldest first, each "<ms> <key> <digest>\n"
-- ARGV[1]  tokens to add
-- ARGV[2]  key of the answer ("" for none), ARGV[3] its digest, ARGV[4] now in ms
-- ARGV[5]  most answers kept
-- ARGV[6]  seconds that the record is kept
-- Returns  tokens of the conversation
local tokens = redis.call('HINCRBY', KEYS[1], 't', ARGV[1])
if ARGV[2] ~= '' then
  local answers = redis.call('HGET', KEYS[1], 'a') or ''
  if not string.find(answers, ' ' .. ARGV[2] .. ' ', 1, true) then
    answers = answers .. ARGV[4] .. ' ' .. ARGV[2] .. ' ' .. ARGV[3] .. '\n'
    local count = select(2, string.gsub(answers, '\n', ''))
    for _ = count, tonumber(ARGV[5]) + 1, -1 do
      answers = string.match(answers, '^[^\n]*\n(.*)$')
    end
    redis.call('HSET', KEYS[1], 'a', answers)
  end
end
redis.call('EXPIRE', KEYS[1], ARGV[6])
return tokens
