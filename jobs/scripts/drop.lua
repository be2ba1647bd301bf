#!lua flags=allow-oom
-- Cancels a job that waits or is dead. Allowed when memory is full. With foreign.lua,
-- channel_log.lua, lanes.lua and closing.lua as prefixes.
-- KEYS[1]  shard prefix "dw:{<shard>}:"
-- ARGV[1]  job id
-- ARGV[2]  actor, ARGV[3] reason
-- ARGV[4]  most entries of the audit log
-- ARGV[5]  a random epoch, ARGV[6] most events and bytes of a log, ARGV[7] most seconds of a log
-- Returns  "dropped" (also when it was before), "missing", or the state letter of a job that cannot
--          be dropped
local id = ARGV[1]
local key = P .. 'j:' .. id
local job = redis.call('HMGET', key, 's', 'l', 'root', 'fx', 'k')
local state, lane = job[1], job[2]
if not state or not lane then
  return 'missing'
end
if state == 'x' then
  return 'dropped'
end
if state == 'r' or state == 'c' then
  return state
end

redis.call('HSET', key, 's', 'x', 'out', 'dropped', 'fin', now)
redis.call('ZADD', P .. 'cancelled', now, id)
count_job(state, job[5], -1)
count_job('x', job[5], 1)
if state == 'd' then
  redis.call('ZREM', P .. 'dead', id)
else
  local list = P .. 'l:' .. lane
  local was_head = redis.call('LINDEX', list, 0) == id
  redis.call('LREM', list, 1, id)
  if was_head then
    redis.call('ZREM', P .. 'timers', 'r:' .. lane)
    if redis.call('ZREM', P .. 'parked', lane) == 0 then
      redis.call('LREM', P .. 'ready', 1, lane)
    end
    place(lane)
  end
  append_unfinished(job[3] or id, job[4], 'cancelled',
    channel_limits(ARGV[5], ARGV[6], ARGV[7]))
end
redis.call('XADD', P .. 'audit', 'MAXLEN', '~', ARGV[4], '*', 'verb', 'drop', 'job', id,
  'actor', ARGV[2], 'reason', ARGV[3])
save_counts()
if redis.call('LLEN', P .. 'ready') > 0 then
  ring()
end
return 'dropped'
