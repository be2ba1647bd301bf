#!lua flags=allow-oom
-- Checks lanes against the invariant of lanes.lua, each whole and at one moment, and repairs them
-- if asked. With foreign.lua, server_time.lua and lanes.lua as prefixes.
-- KEYS[1]  shard prefix "dw:{<shard>}:"
-- ARGV[1]  "1": repair
-- ARGV[2]  most jobs of a lane that are looked at; the others are looked at as jobs
-- ARGV[3..] lanes
-- Returns  {lane, what is wrong, "1" when it can be repaired, lane, …}
local repair, most = ARGV[1] == '1', tonumber(ARGV[2])
local findings = {}

local function say(lane, what)
  findings[#findings + 1] = lane
  findings[#findings + 1] = what
  findings[#findings + 1] = '1'
end

local function check_jobs(lane, list)
  local seen = {}
  for i, id in ipairs(look('LRANGE', list, 0, most - 1) or {}) do
    local job = look('HMGET', P .. 'j:' .. id, 's', 'l', 'k') or {}
    if not is_live(job[1]) or job[2] ~= lane then
      say(lane, 'holds ' .. id .. ', which is no waiting job of it')
      if repair then
        redis.call('LREM', list, 0, id)
      end
    elseif seen[id] then
      say(lane, 'holds ' .. id .. ' twice')
      if repair then
        redis.call('LREM', list, -1, id)
      end
    elseif i > 1 and (job[1] == 'r' or job[1] == 't') then
      say(lane, 'has ' .. id .. ' behind its head as if it were the head')
      if repair then
        redis.call('HSET', P .. 'j:' .. id, 's', 'a')
        count_job(job[1], job[3], -1)
        count_job('a', job[3], 1)
      end
    end
    seen[id] = true
  end
end

-- Where the lane is, and whether that is the one place where it belongs.
local function check_place(lane, list)
  local id = look('LINDEX', list, 0)
  local state = id and look('HGET', P .. 'j:' .. id, 's')
  local places = {}
  for _ in ipairs(look('LPOS', P .. 'ready', lane, 'COUNT', 0) or {}) do
    places[#places + 1] = 'ready'
  end
  for _, place_of in ipairs({{'lease', lane}, {'timers', 'r:' .. lane}, {'parked', lane}}) do
    if look('ZSCORE', P .. place_of[1], place_of[2]) then
      places[#places + 1] = place_of[1]
    end
  end
  local where = #places == 0 and 'no place' or table.concat(places, ' and ')
  local fits = {a = {ready = 1, parked = 1}, r = {lease = 1}, s = {timers = 1, parked = 1},
    t = {timers = 1, parked = 1}}
  if id and is_live(state) then
    if #places == 1 and fits[state][places[1]] then
      return
    end
  elseif #places == 0 then
    return
  end
  say(lane, 'is in ' .. where .. (id and ', its head in state ' .. (state or '?') or ', but empty'))
  if not repair then
    return
  end
  redis.call('LREM', P .. 'ready', 0, lane)
  redis.call('ZREM', P .. 'lease', lane)
  redis.call('ZREM', P .. 'timers', 'r:' .. lane)
  redis.call('ZREM', P .. 'parked', lane)
  if state == 'r' then
    -- An expired lease: the next beat counts it as a crash and hands the job on.
    redis.call('ZADD', P .. 'lease', now, lane)
  else
    place(lane)
  end
end

for i = 3, #ARGV do
  local lane = ARGV[i]
  local list = P .. 'l:' .. lane
  check_jobs(lane, list)
  check_place(lane, list)
end
if repair and #findings > 0 then
  save_counts()
  if redis.call('LLEN', P .. 'ready') > 0 then
    ring()
  end
end
return findings
