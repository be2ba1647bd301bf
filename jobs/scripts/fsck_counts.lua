#!lua flags=allow-oom
-- Sets the counters of waiting jobs to what a recount found, unless anything moved meanwhile. With
-- server_time.lua and lanes.lua as prefixes.
-- KEYS[1]  shard prefix "dw:{<shard>}:"
-- ARGV[1]  counters before the recount: fence, a, s, t with spaces between
-- ARGV[2]  a, ARGV[3] s, ARGV[4] t, as counted
-- ARGV[5]  "1": repair
-- Returns  "same", "wrong" (and repaired, if asked) or "moved"
local meta = P .. 'meta'
local before = redis.call('HMGET', meta, 'fence', 'a', 's', 't')
for i = 1, 4 do
  before[i] = before[i] or '0'
end
if table.concat(before, ' ') ~= ARGV[1] then
  return 'moved'
end
if before[2] == ARGV[2] and before[3] == ARGV[3] and before[4] == ARGV[4] then
  return 'same'
end
if ARGV[5] == '1' then
  redis.call('HSET', meta, 'a', ARGV[2], 's', ARGV[3], 't', ARGV[4])
end
return 'wrong'
