-- Halts: what keeps lanes from being leased. Not a script of its own; comes after lanes.lua.
--
-- A field of the hash `halts` for each: '*' everything, 'k:<kind>' heads of a kind, 'l:<lane>' a
-- conversation (these are pauses), 'p:<lane>' a parked lane; 'r' below. A halt moves nothing: a
-- lane is set aside when it comes first in line, so that a halt of any size takes no time and costs
-- one look a step when there is none. What is set aside lies in `parked`, a paused lane with the
-- due time of its head, since it still counts as waiting, a parked one with 0.
--
-- DEAD_HEAD parks lanes as well (closing.lua).
--
-- When a pause of a kind ends, the lanes come back in bounded pieces. 'r' says how many of the
-- paused ones were looked at already and stay; beats go on where the operator's process died.
--
-- Offers: all_halted, hold_halted, release_lane, release_held, oldest_held.
local HALTS, PARKED = P .. 'halts', P .. 'parked'
local HOLDS, RELEASES = 200, 200

local function all_halted()
  return redis.call('HEXISTS', HALTS, '*') == 1
end

-- The score under which a lane with this head is set aside; nil when it may run.
local function score_of(lane)
  local id = redis.call('LINDEX', P .. 'l:' .. lane, 0)
  local head = id and redis.call('HMGET', P .. 'j:' .. id, 'k', 'due', 't')
  if not head then
    return nil
  end
  local halts = redis.call('HMGET', HALTS, 'p:' .. lane, 'l:' .. lane, 'k:' .. (head[1] or ''))
  -- A lane that was parked because its head had died still lets the hand-off reach a human.
  local hands_off = halts[1] and head[1] == 'handoff' and
    string.find(halts[1], '\n' .. DEAD_HEAD .. '\n', 1, true)
  if halts[1] and not hands_off then
    return '0'
  end
  return (halts[2] or halts[3]) and (head[2] or head[3] or '1') or nil
end

-- Sets halted lanes at the front of the line aside, so that the first ones may run. Returns how
-- many of them may be taken, at most `want`.
local function hold_halted(want)
  if redis.call('EXISTS', HALTS) == 0 then
    return want
  end
  if all_halted() then
    return 0
  end
  local aside, free, looked = {}, {}, 0
  for _, lane in ipairs(redis.call('LRANGE', P .. 'ready', 0, HOLDS - 1)) do
    looked = looked + 1
    local score = score_of(lane)
    if score then
      aside[#aside + 1] = score
      aside[#aside + 1] = lane
    else
      free[#free + 1] = lane
      if #free == want then
        break
      end
    end
  end
  if #aside > 0 then
    redis.call('LPOP', P .. 'ready', looked)
    redis.call('ZADD', PARKED, unpack(aside))
    for i = #free, 1, -1 do
      redis.call('LPUSH', P .. 'ready', free[i])
    end
  end
  return #free
end

-- Puts a lane that was set aside back in line; the next step looks at it again.
local function release_lane(lane)
  if redis.call('ZREM', PARKED, lane) == 0 then
    return
  end
  if redis.call('HEXISTS', HALTS, 'r') == 1 then
    redis.call('HSET', HALTS, 'r', 0)
  end
  place(lane)
end

-- A piece of what a pause that is over has set aside. Returns whether there is more.
local function release_held()
  local kept = tonumber(redis.call('HGET', HALTS, 'r') or nil)
  if not kept then
    return false
  end
  local lanes = redis.call('ZRANGEBYSCORE', PARKED, '(0', '+inf', 'LIMIT', kept, RELEASES)
  for _, lane in ipairs(lanes) do
    if score_of(lane) then
      kept = kept + 1
    else
      redis.call('ZREM', PARKED, lane)
      place(lane)
    end
  end
  if #lanes < RELEASES then
    redis.call('HDEL', HALTS, 'r')
    return false
  end
  redis.call('HSET', HALTS, 'r', kept)
  return true
end

-- Due time of the paused lane that waits longest; nil when none was set aside.
local function oldest_held()
  return redis.call('ZRANGEBYSCORE', PARKED, '(0', '+inf', 'WITHSCORES', 'LIMIT', 0, 1)[2]
end
