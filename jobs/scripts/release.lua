#!lua flags=allow-oom
-- Gives a lease back unpunished; its lane comes first in line. With lanes.lua as prefix.
-- KEYS[1]  shard prefix "dw:{<shard>}:"
-- ARGV[1]  job id, ARGV[2] token
-- Returns  "released" or "stale"
local job = redis.call('HMGET', P .. 'j:' .. ARGV[1], 's', 'tok', 'l', 'a')
if job[1] ~= 'r' or job[2] ~= ARGV[2] or not job[3] then
  return 'stale'
end
hand_back(ARGV[1], job[3], job[4])
save_counts()
ring()
return 'released'
