-- Events about SLA clocks. Not a script of its own: a prefix of those that tell them, after
-- channel_log.lua.
--
-- Offers: P, tell_clock_event(limits, lane, at), which reads from ARGV[at] on
--   event id, note for `told` ("" : it may be told again), data to be kept for whoever acknowledges
--   it ("" : none), seconds that it is kept, number of channels of this shard, then these, number of
--   global channels, then these, id of the envelope, its tail, the event for `out`;
-- and returns whether it was told now, and the index after what was read.
local P = KEYS[1]

local function tell_clock_event(limits, lane, at)
  local id, note, alert, keep = ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3]
  local channels, globals = {}, {}
  local count = tonumber(ARGV[at + 4])
  for i = 1, count do
    channels[i] = ARGV[at + 4 + i]
  end
  at = at + 5 + count
  count = tonumber(ARGV[at])
  for i = 1, count do
    globals[i] = ARGV[at + i]
  end
  at = at + 1 + count
  local envelope_id, tail, out = ARGV[at], ARGV[at + 1], ARGV[at + 2]
  at = at + 3
  if note ~= '' and redis.call('HSETNX', P .. 'told:' .. lane, id, note) == 0 then
    return false, at
  end
  if alert ~= '' then
    redis.call('SET', P .. 'alert:' .. id, alert, 'EX', keep)
  end
  for _, channel in ipairs(channels) do
    channel_append_one(P, limits, channel, envelope_id, true, false, tail)
  end
  -- Global channels lie in other shards: whoever finds the list brings them there.
  for _, channel in ipairs(globals) do
    redis.call('RPUSH', P .. 'out', channel .. '\n' .. out)
  end
  return true, at
end

local function ring_clocks()
  if redis.call('LLEN', P .. 'clockbell') == 0 then
    redis.call('LPUSH', P .. 'clockbell', '1')
  end
end
