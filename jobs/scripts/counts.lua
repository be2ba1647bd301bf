#!lua flags=no-writes
-- A shard's jobs by state, in constant time.
-- KEYS[1]  shard prefix "dw:{<shard>}:"
-- Returns  {available, scheduled, retryable, running, completed, dead, cancelled}
local P = KEYS[1]
local waiting = redis.call('HMGET', P .. 'meta', 'a', 's', 't')
return {waiting[1] or '0', waiting[2] or '0', waiting[3] or '0', redis.call('ZCARD', P .. 'lease'),
  redis.call('ZCARD', P .. 'done'), redis.call('ZCARD', P .. 'dead'),
  redis.call('ZCARD', P .. 'cancelled')}
