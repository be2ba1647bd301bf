#!lua
-- Stores a revocation of tokens.
-- KEYS[1]  stream of revocations
-- ARGV     life of a token in ms, most entries, client id or "", issued until (ms), actor, reason
-- Returns 1, or 0 when there are too many.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local life = tonumber(ARGV[1])
redis.call('XTRIM', KEYS[1], 'MINID', string.format('%.0f', now - life))
if redis.call('XLEN', KEYS[1]) >= tonumber(ARGV[2]) then return 0 end
redis.call('XADD', KEYS[1], '*', 'client', ARGV[3], 'until', ARGV[4], 'kept',
  string.format('%.0f', now + life), 'actor', ARGV[5], 'reason', ARGV[6])
redis.call('PEXPIRE', KEYS[1], string.format('%.0f', life))
return 1
