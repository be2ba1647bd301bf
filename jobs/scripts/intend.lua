#!lua flags=allow-oom
-- Records that an effect is about to happen and shows its events, or says what became of it.
-- Allowed when memory is full: it belongs to finishing a job. With channel_log.lua and lanes.lua.
-- KEYS[1]  shard prefix "dw:{<shard>}:"
-- ARGV[1]  job id, ARGV[2] token
-- ARGV[3]  effect key
-- ARGV[4]  text to be posted
-- ARGV[5]  record of the event for an effect that is never done (effects.h, unfinished_record)
-- ARGV[6]  lease in ms, counted from now
-- ARGV[7]  seconds that effects are remembered
-- ARGV[8]  messages of the job that the attempt knows
-- ARGV[9]  ms for which a post that cannot be seen may still be on its way
-- ARGV[10]  events (channel_log.lua)
-- Returns  {"stale"}, {"superseded"} (it took in more since: begin anew), {"done", remote id}, {"go", text to be posted, conversation} or
--          {"verify", text to be posted, time of the open intent in ms}
local id, token = ARGV[1], ARGV[2]
local key = P .. 'j:' .. id
local job = redis.call('HMGET', key, 's', 'tok', 'l', 'root', 'n', 'fx')
if job[1] ~= 'r' or job[2] ~= token or not job[3] then
  return {'stale'}
end
if job[5] and not job[6] and tonumber(job[5]) > tonumber(ARGV[8]) then
  return {'superseded'}
end
redis.call('ZADD', P .. 'lease', now + tonumber(ARGV[6]), job[3])

local effect_key = P .. 'fx:' .. ARGV[3]
local memo = P .. 'x:' .. (job[4] or id)
local effect = redis.call('GET', effect_key)
if effect and string.sub(effect, 1, 2) == 'D|' then
  return {'done', string.sub(effect, 3)}
end

redis.call('HSET', key, 'fx', ARGV[3])
-- The text outlives a voided effect: people have seen it, so every later attempt posts that one.
local is_new = redis.call('HSETNX', memo, 'reply', ARGV[4]) == 1
redis.call('HSET', memo, 'u', ARGV[5])
redis.call('EXPIRE', memo, ARGV[7])
local saved = is_new and ARGV[4] or redis.call('HGET', memo, 'reply')
if effect then
  -- The same lease asks again only when our answer was lost, and then it has not acted on it.
  local holder, since = string.match(effect, '^I|(%d+)|(%d+)$')
  if holder == token then
    return {'go', saved, read_conversation(job[3])}
  end
  -- Whoever looks after a while may do it anew: what follows counts from then.
  if since and now - tonumber(since) >= tonumber(ARGV[9]) then
    redis.call('SET', effect_key, string.format('I|%s|%.0f', holder, now), 'EX', ARGV[7])
  end
  return {'verify', saved, since or '0'}
end
redis.call('SET', effect_key, string.format('I|%s|%.0f', token, now), 'EX', ARGV[7])
if is_new then
  channel_append(P, 10)
end
return {'go', saved, read_conversation(job[3])}
