#!lua flags=allow-oom
-- Checks that keys hold what docs/redis-keys.md says, and moves those that hold something else out of
-- the way if asked: every script fails on such a key, so nothing uses it and nothing is lost. With
-- foreign.lua, server_time.lua and lanes.lua as prefixes.
-- KEYS[1]  shard prefix "dw:{<shard>}:"
-- ARGV[1]  "1": repair
-- ARGV[2]  actor
-- ARGV[3..] name without the prefix and type, for each key; `parked` comes before `halts`
-- Returns  {key, what is wrong, "1" when it can be repaired, key, …}
local repair = ARGV[1] == '1'
local findings = {}
-- Microseconds since 1970 exceed what a shard can have counted up to, one lease at a time.
local fresh_fence = string.format('%.0f', now * 1000)

local function say(key, what)
  findings[#findings + 1] = key
  findings[#findings + 1] = what
  findings[#findings + 1] = '1'
end

-- Nobody knows what was halted, but for the lanes that an operator's park has set aside. So all wait
-- until somebody says that they may go on, as they do now, because no step can read the halts.
local function halt_again(broken)
  local halts = P .. 'halts'
  local function value(reason)
    return string.format('%.0f\n%s\n%s', now, ARGV[2], reason)
  end
  redis.call('HSET', halts, '*', value('fsck: what was halted here was overwritten, see ' .. broken),
    'r', 0)
  for _, lane in ipairs(redis.call('ZRANGEBYSCORE', P .. 'parked', 0, 0)) do
    redis.call('HSET', halts, 'p:' .. lane, value('fsck: it was parked before'))
  end
end

local function check_type(name, wanted)
  local key = P .. name
  local holds = redis.call('TYPE', key).ok
  if holds == wanted or holds == 'none' then
    return
  end
  local what = string.format('holds %s, %s was expected', HOLDS[holds] or holds, HOLDS[wanted])
  local broken = string.format('%sbroken:%.0f:%s', P, now, name)
  if repair and redis.call('RENAMENX', key, broken) == 1 then
    what = what .. '; it is now ' .. broken
    if name == 'meta' then
      redis.call('HSET', key, 'fence', fresh_fence)
    elseif name == 'halts' then
      halt_again(broken)
      what = what .. ', and its lanes are paused until `deskwire jobs resume --all`'
    end
  end
  say(key, what)
end

local function is_counted(value)
  return value == '0' or string.find(value, '^%-?[1-9]%d*$') ~= nil
end

local function check_fence()
  local meta = P .. 'meta'
  local fence = look('HGET', meta, 'fence')
  -- Beyond 2^53 Lua cannot tell one token from the next.
  if not fence or is_counted(fence) and tonumber(fence) >= 0 and tonumber(fence) < 2 ^ 53 then
    return
  end
  local what = 'has the fence ' .. string.sub(fence, 1, 40) .. ', where nothing can be leased'
  if repair then
    redis.call('HSET', meta, 'fence', fresh_fence)
    what = what .. '; it is now ' .. fresh_fence
  end
  say(meta, what)
end

-- What is no number becomes 0; the recount says how many there are.
local function check_counters()
  local counts = P .. 'counts'
  local counters = look('HGETALL', counts) or {}
  for i = 1, #counters, 2 do
    if not is_counted(counters[i + 1]) then
      say(counts, 'counts ' .. string.sub(counters[i + 1], 1, 40) .. ' for ' .. counters[i])
      if repair then
        redis.call('HSET', counts, counters[i], 0)
      end
    end
  end
end

for i = 3, #ARGV, 2 do
  check_type(ARGV[i], ARGV[i + 1])
  if ARGV[i] == 'meta' then
    check_fence()
  elseif ARGV[i] == 'counts' then
    check_counters()
  end
end
return findings
