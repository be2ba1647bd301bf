#!lua flags=no-writes
-- A shard's jobs by state and kind. Takes as long as there are running jobs. With foreign.lua as
-- prefix.
-- KEYS[1]  shard prefix "dw:{<shard>}:"
-- Returns  {{"<state letter>:<kind>", jobs, ...}, {kind of a running job, ...}, running, completed,
--           dead, cancelled}
local P = KEYS[1]
local kinds = {}
for _, lane in ipairs(redis.call('ZRANGE', P .. 'lease', 0, -1)) do
  local head = redis.call('LINDEX', P .. 'l:' .. lane, 0)
  kinds[#kinds + 1] = head and redis.call('HGET', P .. 'j:' .. head, 'k') or ''
end
return {redis.call('HGETALL', P .. 'counts'), kinds, redis.call('ZCARD', P .. 'lease'),
  redis.call('ZCARD', P .. 'done'), redis.call('ZCARD', P .. 'dead'),
  redis.call('ZCARD', P .. 'cancelled')}
