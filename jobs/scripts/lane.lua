#!lua flags=no-writes
-- A lane as an operator asks about it, in constant time but for the place of a job far behind. With
-- foreign.lua and lanes.lua as prefixes.
-- KEYS[1]  shard prefix "dw:{<shard>}:"
-- ARGV[1]  lane
-- ARGV[2]  job id whose place in the lane is asked for; "" for none
-- Returns  {now, jobs in the lane, jobs ahead of that one or -1, "ready", "lease", "timers",
--           "parked" or "", score there, lanes ready in the shard, head id or "", {HGETALL of it},
--           {'*', 'k:' of the head, 'l:', 'p:' of `halts`, each nil when there is none}}
local lane, id = ARGV[1], ARGV[2]
local list = P .. 'l:' .. lane
local head = redis.call('LINDEX', list, 0)
local fields, kind = {}, ''
if head then
  fields = redis.call('HGETALL', P .. 'j:' .. head)
  kind = redis.call('HGET', P .. 'j:' .. head, 'k') or ''
end
local place_name, score = '', '0'
for name, member in pairs({lease = lane, timers = 'r:' .. lane, parked = lane}) do
  local found = head and redis.call('ZSCORE', P .. name, member)
  if found then
    place_name, score = name, found
  end
end
if head and place_name == '' then
  place_name = 'ready'
end
local ahead = id ~= '' and redis.call('LPOS', list, id) or false
return {now, redis.call('LLEN', list), ahead or -1, place_name, score,
  redis.call('LLEN', P .. 'ready'), head or '', fields,
  redis.call('HMGET', P .. 'halts', '*', 'k:' .. kind, 'l:' .. lane, 'p:' .. lane)}
