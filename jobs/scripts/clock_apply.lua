#!lua flags=allow-oom
-- Writes what a look at a conversation's facts has shown: its clocks, the events that are due, and
-- when it is due again. All or nothing, and nothing when it is not the newest look. With
-- channel_log.lua and clock_events.lua as prefixes.
-- KEYS[1]  shard prefix "dw:{<shard>}:"
-- ARGV[1]  lane, ARGV[2] generation that was looked at, ARGV[3] id of the newest fact that was
-- ARGV[4]  the clocks as JSON, ARGV[5] time at which it is due again, "0" for never
-- ARGV[6]  1 while a clock is open
-- ARGV[7]  seconds that this is kept after the last news
-- ARGV[8]  a random epoch, ARGV[9] most events of a log, ARGV[10] most seconds of a log
-- ARGV[11] number of entries of `told` to forget, then these
-- ARGV[..] number of fields of `clk` to forget, then these
-- ARGV[..] number of fields of `told` that get another note, then field and note of each
-- ARGV[..] number of events, then as tell_clock_event reads them
-- Returns  {"ok" | "stale", now, time of the shard's first one or "0", events told, entries in `out`}
local lane = ARGV[1]
local clk, told, clocks = P .. 'clk:' .. lane, P .. 'told:' .. lane, P .. 'clocks'

local function answer(outcome, count)
  local first = redis.call('ZRANGE', clocks, 0, 0, 'WITHSCORES')
  return {outcome, now, first[2] or '0', count, redis.call('LLEN', P .. 'out')}
end

local newest = redis.call('XREVRANGE', P .. 'facts:' .. lane, '+', '-', 'COUNT', 1)[1]
if (redis.call('HGET', clk, 'g') or '0') ~= ARGV[2] or (newest and newest[1] or '') ~= ARGV[3] then
  redis.call('ZADD', clocks, now, lane)
  return answer('stale', 0)
end

-- The list at `at` by `step` arguments an entry, and the index after it.
local function list_at(at, step)
  local list = {}
  local count = tonumber(ARGV[at]) * step
  for i = 1, count do
    list[i] = ARGV[at + i]
  end
  return list, at + 1 + count
end

local forgotten, fields, notes
local at = 11
forgotten, at = list_at(at, 1)
fields, at = list_at(at, 1)
notes, at = list_at(at, 2)
if #forgotten > 0 then
  redis.call('HDEL', told, unpack(forgotten))
end
if #fields > 0 then
  redis.call('HDEL', clk, unpack(fields))
end
if #notes > 0 then
  redis.call('HSET', told, unpack(notes))
end
local limits = channel_limits(ARGV[8], ARGV[9], ARGV[10])
local count = 0
local total = tonumber(ARGV[at])
at = at + 1
for _ = 1, total do
  local now_told
  now_told, at = tell_clock_event(limits, lane, at)
  count = count + (now_told and 1 or 0)
end

redis.call('HSET', clk, 'g', tonumber(ARGV[2]) + 1, 'f', ARGV[3], 's', ARGV[4], 'd', ARGV[5])
redis.call('EXPIRE', clk, ARGV[7])
redis.call('EXPIRE', told, ARGV[7])
if ARGV[5] == '0' then
  redis.call('ZREM', clocks, lane)
else
  redis.call('ZADD', clocks, ARGV[5], lane)
end
redis.call(ARGV[6] == '1' and 'SADD' or 'SREM', P .. 'watched', lane)
return answer('ok', count)
