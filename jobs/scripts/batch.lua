#!lua flags=allow-oom
-- Notes how far a bulk replay has come, or cancels it. With foreign.lua and lanes.lua as
-- prefixes.
-- KEYS[1]  shard prefix "dw:{<shard>}:"
-- ARGV[1]  batch
-- ARGV[2]  "advance" or "cancel"
-- ARGV[3]  advance: jobs that are dealt with, the first ones of those to do; cancel: actor
-- ARGV[4]  advance: how many of them were replayed; cancel: reason
-- ARGV[5]  advance: how many failed; cancel: most entries of the audit log
-- ARGV[6]  seconds that the batch is remembered after the last news
-- ARGV[7]  advance: the first of these jobs. Where another one is first by now, somebody else runs
--          the batch as well and has noted them already
-- Returns  {state: "running", "done" or "cancelled"; "" for no such batch, jobs to do}
local batch, todo = P .. 'batch:' .. ARGV[1], P .. 'todo:' .. ARGV[1]
local state = redis.call('HGET', batch, 'state')
if not state then
  return {'', 0}
end
if ARGV[2] == 'cancel' then
  if state == 'running' then
    state = 'cancelled'
    redis.call('HSET', batch, 'state', state)
    redis.call('XADD', P .. 'audit', 'MAXLEN', '~', ARGV[5], '*', 'verb', 'cancel', 'batch',
      ARGV[1], 'actor', ARGV[3], 'reason', ARGV[4])
  end
else
  if redis.call('LINDEX', todo, 0) == ARGV[7] then
    redis.call('LPOP', todo, ARGV[3])
    redis.call('HINCRBY', batch, 'replayed', ARGV[4])
    redis.call('HINCRBY', batch, 'failed', ARGV[5])
  end
  if state == 'running' and redis.call('EXISTS', todo) == 0 then
    state = 'done'
    redis.call('HSET', batch, 'state', state)
  end
end
redis.call('EXPIRE', batch, ARGV[6])
redis.call('EXPIRE', todo, ARGV[6])
return {state, redis.call('LLEN', todo)}
