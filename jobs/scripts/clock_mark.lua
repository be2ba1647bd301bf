#!lua
-- Acknowledges, unacknowledges or snoozes an alert. With channel_log.lua and clock_events.lua as
-- prefixes.
-- KEYS[1]  shard prefix "dw:{<shard>}:"
-- ARGV[1]  lane, ARGV[2] generation that was looked at
-- ARGV[3]  field of `clk` that holds the mark, ARGV[4] its new value, "" to remove it
-- ARGV[5]  a random epoch, ARGV[6] most events of a log, ARGV[7] most seconds of a log
-- ARGV[8]  one event, as tell_clock_event reads it
-- Returns  {"ok" | "stale", now}
local lane, clk = ARGV[1], P .. 'clk:' .. ARGV[1]
if (redis.call('HGET', clk, 'g') or '0') ~= ARGV[2] then
  return {'stale', now}
end
if ARGV[4] == '' then
  redis.call('HDEL', clk, ARGV[3])
else
  redis.call('HSET', clk, ARGV[3], ARGV[4])
end
redis.call('HINCRBY', clk, 'g', 1)
tell_clock_event(channel_limits(ARGV[5], ARGV[6], ARGV[7]), lane, 8)
-- A look at it is due at once: it finds out when it is due next, the end of this mark included.
redis.call('ZADD', P .. 'clocks', now, lane)
ring_clocks()
return {'ok', now}
