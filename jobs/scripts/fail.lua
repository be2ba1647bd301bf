#!lua flags=allow-oom
-- Ends a failed attempt: the lane waits for the next one, or the job is buried. Allowed when memory
-- is full, since what fails must be able to wait. With channel_log.lua, lanes.lua, closing.lua.
-- KEYS[1]  shard prefix "dw:{<shard>}:"
-- ARGV[1]  job id, ARGV[2] token
-- ARGV[3]  "retry", "defer" (no attempt consumed) or "bury"
-- ARGV[4]  error code, ARGV[5] error message
-- ARGV[6]  ms until the next attempt
-- ARGV[7]  effect that surely did not happen; "" for none
-- ARGV[8]  a fresh job id for a hand-off
-- ARGV[9]  a random epoch, ARGV[10] most events and bytes of a log, ARGV[11] most seconds of a log
-- ARGV[12] most halts of a shard where a dead head parks its lane; 0: it does not
-- ARGV[13] events for the case that the job is buried (channel_log.lua)
-- Returns  "waits", "dead" or "stale"
local id, token = ARGV[1], ARGV[2]
local key = P .. 'j:' .. id
local job = redis.call('HMGET', key, 's', 'tok', 'l', 'k', 'root', 'fx', 'a', 'ma', 'w',
  'at')
if job[2] ~= token or not job[3] then
  return 'stale'
end
if job[1] ~= 'r' then
  -- This very lease failed it before: the answer was lost.
  return (job[1] == 'd' and 'dead') or (job[1] == 't' and 'waits') or 'stale'
end

if ARGV[7] ~= '' then
  -- A done one stays: an echo may have proven what the caller could not see.
  local effect = redis.call('GET', P .. 'fx:' .. ARGV[7])
  if effect and string.sub(effect, 1, 1) == 'I' then
    redis.call('DEL', P .. 'fx:' .. ARGV[7])
  end
end

local lane = job[3]
local attempts = tonumber(job[7] or 1) or 1
note_attempt(id, job[10], attempts, job[9], ARGV[4], ARGV[5])
local exhausted = ARGV[3] == 'retry' and attempts >= (tonumber(job[8] or 1) or 1)
if ARGV[3] == 'bury' or exhausted then
  channel_append(P, 13)
  bury(id, {lane, job[4], job[5], job[6], job[8]}, ARGV[4], ARGV[5], ARGV[8],
    channel_limits(ARGV[9], ARGV[10], ARGV[11]), tonumber(ARGV[12]))
  save_counts()
  if redis.call('LLEN', P .. 'ready') > 0 then
    ring()
  end
  return 'dead'
end

if ARGV[3] == 'defer' then
  attempts = math.max(0, attempts - 1)
end
local due = now + math.max(0, tonumber(ARGV[6]))
redis.call('HSET', key, 's', 't', 'a', attempts, 'err', ARGV[4], 'msg', ARGV[5], 'due', due)
redis.call('ZREM', P .. 'lease', lane)
redis.call('ZADD', P .. 'timers', due, 'r:' .. lane)
count_job('t', job[4], 1)
save_counts()
-- Whoever sleeps until the shard's first timer has to learn of an earlier one.
if redis.call('ZRANGE', P .. 'timers', 0, 0)[1] == 'r:' .. lane then
  ring()
end
return 'waits'
