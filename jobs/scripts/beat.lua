#!lua flags=allow-oom
-- A shard's heartbeat: renews leases, reclaims expired ones, promotes due timers, trims what is
-- kept of finished jobs. Idempotent in any process; idle, it writes nothing. Every part is bounded.
-- With channel_log.lua, lanes.lua, closing.lua and halts.lua as prefixes.
-- KEYS[1]  shard prefix "dw:{<shard>}:"
-- ARGV[1]  lease in ms
-- ARGV[2]  crashes after which a job is poison
-- ARGV[3]  most completed jobs kept, ARGV[4] most ms they are kept, ARGV[5] most ms dead ones are
-- ARGV[6]  a random epoch, ARGV[7] most events and bytes of a log, ARGV[8] most seconds of a log
-- ARGV[9]  most halts of a shard where a dead head parks its lane; 0: it does not
-- ARGV[10] number of spare job ids for hand-offs, then these
-- ARGV[..] number of leases to renew, then job id, token and messages known of each
-- Returns  {now, next due, due of the first job in line or 0, reclaimed, promoted, buried,
--           lanes ready or 0 while everything is paused, {lost job id, ...},
--           {id of a job that took in more messages than known, ...}}
local RECLAIMS, PROMOTIONS, TRIMS = 100, 1000, 500
local lease_ms, max_crashes = tonumber(ARGV[1]), tonumber(ARGV[2])
local limits = channel_limits(ARGV[6], ARGV[7], ARGV[8])
local reclaimed, promoted, buried = 0, 0, 0

local function renew(at)
  local lost, kept, superseded = {}, {}, {}
  for _ = 1, tonumber(ARGV[at]) do
    local id, token = ARGV[at + 1], ARGV[at + 2]
    local job = redis.call('HMGET', P .. 'j:' .. id, 's', 'tok', 'l', 'n')
    if job[1] == 'r' and job[2] == token and job[3] then
      kept[#kept + 1] = now + lease_ms
      kept[#kept + 1] = job[3]
      if job[4] and tonumber(job[4]) > tonumber(ARGV[at + 3]) then
        superseded[#superseded + 1] = id
      end
    else
      lost[#lost + 1] = id
    end
    at = at + 3
  end
  if #kept > 0 then
    redis.call('ZADD', P .. 'lease', unpack(kept))
  end
  return lost, superseded
end

local function reclaim(spares)
  local expired = redis.call('ZRANGEBYSCORE', P .. 'lease', '-inf', now, 'LIMIT', 0, RECLAIMS)
  -- The one that expired first is pushed last, so that it comes first in line.
  for i = #expired, 1, -1 do
    local lane = expired[i]
    local id = redis.call('LINDEX', P .. 'l:' .. lane, 0)
    local job = id and
      redis.call('HMGET', P .. 'j:' .. id, 's', 'k', 'root', 'fx', 'ma', 'a', 'cr', 'w', 'at')
    if not job or job[1] ~= 'r' then
      redis.call('ZREM', P .. 'lease', lane)
      place(lane)
    else
      local crashes = (tonumber(job[7] or 0) or 0) + 1
      if crashes < max_crashes or buried < spares then
        note_attempt(id, job[9], job[6] or '1', job[8], 'lease_lost', 'its lease ran out')
      end
      if crashes < max_crashes then
        hand_back(id, lane, job[6], 'cr', crashes)
        reclaimed = reclaimed + 1
      elseif buried < spares then
        -- Without a spare id it stays expired until the next beat.
        buried = buried + 1
        redis.call('HSET', P .. 'j:' .. id, 'cr', crashes)
        bury(id, {lane, job[2], job[3], job[4], job[5]}, 'poison',
          'its lease ran out ' .. crashes .. ' times', ARGV[10 + buried], limits,
          tonumber(ARGV[9]))
      end
    end
  end
end

-- Timers of lanes are "r:<lane>"; other kinds belong to other scripts and are left alone.
local function promote()
  local due = redis.call('ZRANGEBYSCORE', P .. 'timers', '-inf', now, 'LIMIT', 0, PROMOTIONS)
  local gone = {}
  for _, member in ipairs(due) do
    if string.sub(member, 1, 2) == 'r:' then
      gone[#gone + 1] = member
      promoted = promoted + 1
    end
  end
  if #gone == 0 then
    return
  end
  redis.call('ZREM', P .. 'timers', unpack(gone))
  for _, member in ipairs(gone) do
    place(string.sub(member, 3))
  end
end

local function forget(set, state, ids)
  if #ids == 0 then
    return
  end
  local keys = {}
  for _, id in ipairs(ids) do
    count_job(state, redis.call('HGET', P .. 'j:' .. id, 'k'), -1)
    keys[#keys + 1] = P .. 'j:' .. id
    keys[#keys + 1] = P .. 'p:' .. id
    keys[#keys + 1] = P .. 'q:' .. id
    keys[#keys + 1] = P .. 'h:' .. id
  end
  redis.call('ZREM', set, unpack(ids))
  redis.call('UNLINK', unpack(keys))
end

local function trim()
  local done, dead, cancelled = P .. 'done', P .. 'dead', P .. 'cancelled'
  local excess = redis.call('ZCARD', done) - tonumber(ARGV[3])
  if excess > 0 then
    forget(done, 'c', redis.call('ZRANGE', done, 0, math.min(excess, TRIMS) - 1))
  end
  forget(done, 'c', redis.call('ZRANGEBYSCORE', done, '-inf', '(' .. string.format('%.0f',
    now - tonumber(ARGV[4])), 'LIMIT', 0, TRIMS))
  forget(cancelled, 'x', redis.call('ZRANGEBYSCORE', cancelled, '-inf', '(' .. string.format('%.0f',
    now - tonumber(ARGV[4])), 'LIMIT', 0, TRIMS))
  forget(dead, 'd', redis.call('ZRANGEBYSCORE', dead, '-inf', '(' .. string.format('%.0f',
    now - tonumber(ARGV[5])), 'LIMIT', 0, TRIMS))
end

local spares = tonumber(ARGV[10])
local lost, superseded = renew(11 + spares)
reclaim(spares)
promote()
trim()
local halted = redis.call('EXISTS', HALTS) == 1
if halted then
  release_held()
end
save_counts()

local paused = halted and all_halted()
local oldest = '0'
local ready = redis.call('LLEN', P .. 'ready')
if ready > 0 then
  -- Also for what nobody took although it rang: the process that heard it may have been busy.
  if not paused then
    ring()
  end
  local id = redis.call('LINDEX', P .. 'l:' .. redis.call('LINDEX', P .. 'ready', 0), 0)
  if id then
    local head = redis.call('HMGET', P .. 'j:' .. id, 'due', 't')
    oldest = head[1] or head[2] or '0'
  end
end
local held = halted and oldest_held()
if held and (oldest == '0' or tonumber(held) < tonumber(oldest)) then
  oldest = held
end
return {now, next_due(), oldest, reclaimed, promoted, buried, paused and 0 or ready, lost,
  superseded}
