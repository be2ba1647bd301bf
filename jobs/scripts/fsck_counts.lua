#!lua flags=allow-oom
-- Sets the counters of jobs by state and kind to what a recount found, unless anything moved
-- meanwhile. With foreign.lua, server_time.lua and lanes.lua as prefixes.
-- KEYS[1]  shard prefix "dw:{<shard>}:"
-- ARGV[1]  fence and counters before the recount: "<fence> <field> <value> …"
-- ARGV[2]  "1": repair
-- ARGV[3..] "<state letter>:<kind>" and how many were counted, for each that has any
-- Returns  "same", "wrong" (and repaired, if asked) or "moved"
local counts = P .. 'counts'
local before = redis.call('HGETALL', counts)
local fence = redis.call('HGET', P .. 'meta', 'fence') or '0'
if table.concat({fence, unpack(before)}, ' ') ~= ARGV[1] then
  return 'moved'
end
local recount = {}
for i = 3, #ARGV, 2 do
  recount[ARGV[i]] = ARGV[i + 1]
end
local wrong = false
for i = 1, #before, 2 do
  wrong = wrong or before[i + 1] ~= (recount[before[i]] or '0')
  recount[before[i]] = recount[before[i]] or '0'
end
for field, value in pairs(recount) do
  wrong = wrong or (redis.call('HGET', counts, field) or '0') ~= value
end
if not wrong then
  return 'same'
end
if ARGV[2] == '1' then
  for field, value in pairs(recount) do
    redis.call('HSET', counts, field, value)
  end
end
return 'wrong'
