#!lua flags=no-writes
-- A shard's unfinished jobs that fit a filter, newest first, from a bounded look at the ends of the
-- lanes in line. With foreign.lua and lanes.lua as prefixes.
-- KEYS[1]  shard prefix "dw:{<shard>}:"
-- ARGV[1]  state letters
-- ARGV[2]  kind, ARGV[3] lane, ARGV[4] error code; each "" for any
-- ARGV[5]  created at or after this time in ms, ARGV[8] before this one
-- ARGV[6]  most jobs returned
-- ARGV[7]  most jobs looked at
-- Returns  {{id, HGETALL of the job}, ...}
local states, kind, lane, code = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local since, limit, budget = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local before = tonumber(ARGV[8])

local ids, known = {}, {}
local function add(more)
  for _, id in ipairs(more) do
    if #ids >= budget then
      return
    end
    if not known[id] then
      known[id] = true
      ids[#ids + 1] = id
    end
  end
end
local function add_lanes(lanes, prefix_length)
  for _, member in ipairs(lanes) do
    if #ids >= budget then
      return
    end
    add(redis.call('LRANGE', P .. 'l:' .. string.sub(member, prefix_length + 1), -limit, -1))
  end
end

if lane ~= '' then
  add(redis.call('LRANGE', P .. 'l:' .. lane, -budget, -1))
else
  -- Any lane may hold available and scheduled jobs behind its head; running and retryable ones
  -- are heads of leased and of waiting lanes.
  add_lanes(redis.call('ZRANGE', P .. 'lease', 0, budget - 1), 0)
  add_lanes(redis.call('ZRANGE', P .. 'timers', 0, budget - 1), 2)
  add_lanes(redis.call('LRANGE', P .. 'ready', -budget, -1), 0)
  add_lanes(redis.call('ZRANGE', P .. 'parked', 0, budget - 1), 0)
end

table.sort(ids, function(a, b) return a > b end)
local found = {}
for _, id in ipairs(ids) do
  local job = redis.call('HMGET', P .. 'j:' .. id, 's', 'k', 'l', 'err', 't')
  local created = tonumber(job[5] or 0) or 0
  if job[1] and string.find(states, job[1], 1, true) and
      (kind == '' or job[2] == kind) and (lane == '' or job[3] == lane) and
      (code == '' or job[4] == code) and created >= since and created < before then
    found[#found + 1] = {id, redis.call('HGETALL', P .. 'j:' .. id)}
    if #found >= limit then
      break
    end
  end
end
return found
