#!lua
-- Makes a job that waits for its time due now. With foreign.lua and lanes.lua as prefixes.
-- KEYS[1]  shard prefix "dw:{<shard>}:"
-- ARGV[1]  job id
-- ARGV[2]  most entries of the audit log
-- ARGV[3]  actor, ARGV[4] reason
-- Returns  "due", "missing" or the state letter of a job that does not wait
local id = ARGV[1]
local key = P .. 'j:' .. id
local job = redis.call('HMGET', key, 's', 'l', 'k')
if not job[1] or not job[2] then
  return 'missing'
end
if job[1] ~= 's' and job[1] ~= 't' then
  return job[1]
end
redis.call('HSET', key, 's', 'a', 'due', now)
count_job(job[1], job[3], -1)
count_job('a', job[3], 1)
-- Behind other jobs of its lane it goes on waiting for them.
if redis.call('LINDEX', P .. 'l:' .. job[2], 0) == id and
    redis.call('ZREM', P .. 'timers', 'r:' .. job[2]) == 1 then
  redis.call('RPUSH', P .. 'ready', job[2])
  ring()
end
redis.call('XADD', P .. 'audit', 'MAXLEN', '~', ARGV[2], '*', 'verb', 'retry', 'job', id,
  'actor', ARGV[3], 'reason', ARGV[4])
save_counts()
return 'due'
