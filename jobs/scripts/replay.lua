#!lua
-- Makes a new job with the payload of a finished one, in the same lane, and an audit entry. With
-- foreign.lua, channel_log.lua, lanes.lua and closing.lua as prefixes.
-- KEYS[1]  shard prefix "dw:{<shard>}:"
-- ARGV[1]  job id
-- ARGV[2]  a fresh job id
-- ARGV[3]  "1": with a root of its own, so that it may have its effects again
-- ARGV[4]  actor, ARGV[5] reason
-- ARGV[6]  most jobs of a lane, ARGV[7] most entries of the audit log
-- ARGV[8]  the bulk replay that this belongs to; "" for none
-- Returns  {"replayed", job id} (that of an earlier replay which is still under way, so that a
--          repeated call makes no second one, or of the same bulk replay), {"missing"},
--          {"gone"} without its payload, {"live", state letter} or {"full"}
local id, new_id = ARGV[1], ARGV[2]
local key = P .. 'j:' .. id
local job = redis.call('HMGET', key, 's', 'l', 'k', 'root', 'ma', 'rep')
local lane = job[2]
if not job[1] or not lane then
  return {'missing'}
end
if is_live(job[1]) then
  return {'live', job[1]}
end
if redis.call('EXISTS', P .. 'p:' .. id) == 0 then
  return {'gone'}
end
local batch = ARGV[8] or ''
if job[6] then
  local earlier = redis.call('HMGET', P .. 'j:' .. job[6], 's', 'bat')
  if is_live(earlier[1]) or (batch ~= '' and earlier[2] == batch) then
    return {'replayed', job[6]}
  end
end
if redis.call('LLEN', P .. 'l:' .. lane) >= tonumber(ARGV[6]) then
  return {'full'}
end

-- At the end of its lane; where that was parked because a head died, before all but the hand-off,
-- so that the order is what it would have been. Returns the lane's length.
local function put_in_lane()
  local list = P .. 'l:' .. lane
  local parked = redis.call('HGET', P .. 'halts', 'p:' .. lane)
  local head = redis.call('LINDEX', list, 0)
  if not head or not parked or
      not string.find(parked, '\n' .. DEAD_HEAD .. '\n', 1, true) then
    return redis.call('RPUSH', list, new_id)
  end
  if redis.call('HGET', P .. 'j:' .. head, 'k') == 'handoff' then
    return redis.call('LINSERT', list, 'AFTER', head, new_id)
  end
  local length = redis.call('LPUSH', list, new_id)
  if redis.call('ZREM', P .. 'timers', 'r:' .. lane) == 1 then
    place(lane)
  end
  return length
end

redis.call('COPY', P .. 'p:' .. id, P .. 'p:' .. new_id)
local messages = 1 + redis.call('LLEN', P .. 'q:' .. id)
if messages > 1 then
  redis.call('COPY', P .. 'q:' .. id, P .. 'q:' .. new_id)
  redis.call('HSET', P .. 'j:' .. new_id, 'n', messages)
end
redis.call('HSET', P .. 'j:' .. new_id, 's', 'a', 'l', lane, 'k', job[3] or '', 't', now,
  'ma', job[5] or '1', 'par', id)
if ARGV[3] ~= '1' then
  redis.call('HSET', P .. 'j:' .. new_id, 'root', job[4] or id)
end
if batch ~= '' then
  redis.call('HSET', P .. 'j:' .. new_id, 'bat', batch)
end
redis.call('HSET', key, 'rep', new_id)
count_job('a', job[3], 1)
if put_in_lane() == 1 then
  redis.call('RPUSH', P .. 'ready', lane)
  ring()
end
local entry = {'verb', 'replay', 'job', id, 'new', new_id, 'again', ARGV[3], 'actor', ARGV[4],
  'reason', ARGV[5]}
if batch ~= '' then
  entry[#entry + 1] = 'batch'
  entry[#entry + 1] = batch
end
redis.call('XADD', P .. 'audit', 'MAXLEN', '~', ARGV[7], '*', unpack(entry))
save_counts()
return {'replayed', new_id}
