#!lua flags=allow-oom
-- Begins a pause, or parks a lane. Allowed when memory is full: it may be the remedy. With
-- foreign.lua, lanes.lua and halts.lua as prefixes.
-- KEYS[1]  shard prefix "dw:{<shard>}:"
-- ARGV[1]  field of `halts`
-- ARGV[2]  actor, ARGV[3] reason
-- ARGV[4]  most halts of a shard
-- ARGV[5]  most entries of the audit log; "0": no entry, another shard has it
-- ARGV[6]  audit: verb, ARGV[7] what it is about, ARGV[8] its name
-- Returns  "halted", "again" (it was already) or "full"
local field = ARGV[1]
if redis.call('HEXISTS', HALTS, field) == 1 then
  return 'again'
end
if redis.call('HLEN', HALTS) >= tonumber(ARGV[4]) then
  return 'full'
end
redis.call('HSET', HALTS, field, string.format('%.0f\n%s\n%s', now, ARGV[2], ARGV[3]))
if string.sub(field, 1, 2) == 'p:' then
  -- A paused lane that is parked besides counts as waiting no more.
  local lane = string.sub(field, 3)
  if redis.call('ZSCORE', PARKED, lane) then
    redis.call('ZADD', PARKED, 0, lane)
    if redis.call('HEXISTS', HALTS, 'r') == 1 then
      redis.call('HSET', HALTS, 'r', 0)
    end
  end
end
if ARGV[5] ~= '0' then
  redis.call('XADD', P .. 'audit', 'MAXLEN', '~', ARGV[5], '*', 'verb', ARGV[6], ARGV[7], ARGV[8],
    'actor', ARGV[2], 'reason', ARGV[3])
end
return 'halted'
