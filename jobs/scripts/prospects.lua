#!lua flags=no-writes
-- What replays of jobs would find, for a forecast. With foreign.lua and lanes.lua as
-- prefixes.
-- KEYS[1]  shard prefix "dw:{<shard>}:"
-- ARGV[1]  longest stored payload that is returned, in bytes
-- ARGV[2]  number of jobs; for each: id, key of its effect
-- Returns  for each {HGETALL of the job, stored payload ("" when it is longer) or nil, state letter of its replay or nil,
--          what is known of the effect or nil, conversation (lanes.lua),
--          1 when its last message is one of ours}
local prospects = {}
for i = 1, tonumber(ARGV[2]) do
  local id, effect = ARGV[2 * i + 1], ARGV[2 * i + 2]
  local key = P .. 'j:' .. id
  local job = redis.call('HMGET', key, 'l', 'rep')
  local lane = job[1] or ''
  local length = redis.call('STRLEN', P .. 'p:' .. id)
  local payload = length > 0 and
    (length > tonumber(ARGV[1]) and '' or redis.call('GET', P .. 'p:' .. id))
  local known = read_conversation(lane)
  prospects[i] = {redis.call('HGETALL', key), payload,
    job[2] and redis.call('HGET', P .. 'j:' .. job[2], 's'),
    redis.call('GET', P .. 'fx:' .. effect), known,
    known and known[5] and redis.call('HEXISTS', P .. 'm:' .. lane, known[5]) or 0}
end
return prospects
