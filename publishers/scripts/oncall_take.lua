#!lua
-- Takes due tasks of the on-call desk.
--
-- KEYS[1]  prefix "dw:{<shard>}:"; further keys, all in the same slot:
--   oc:due  ZSET  task -> server ms at which it is due, or until which somebody holds it
-- ARGV[1]  most tasks
-- ARGV[2]  ms for which the caller holds them
-- Returns  now, until when they are held, task, task, ...
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local due = redis.call('ZRANGEBYSCORE', KEYS[1] .. 'oc:due', '-inf', now, 'LIMIT', 0, ARGV[1])
local held = string.format('%.0f', now + tonumber(ARGV[2]))
for _, task in ipairs(due) do redis.call('ZADD', KEYS[1] .. 'oc:due', held, task) end
table.insert(due, 1, held)
table.insert(due, 1, string.format('%.0f', now))
return due
