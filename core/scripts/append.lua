#!lua
-- Appends one event to its channel's log and publishes it. With channel_log.lua as prefix.
-- KEYS[1]  shard prefix "dw:{<shard>}:"
-- ARGV     one event, as channel_append reads it from index 1
-- Returns  {offset, epoch, duplicate (1|0)}; offset "0" and epoch "" when the event is not kept
local offset, epoch, duplicate = channel_append_one(KEYS[1],
  channel_limits(ARGV[2], ARGV[3], ARGV[4]),
  ARGV[5], ARGV[6], ARGV[7] == '1', ARGV[8] == '1', ARGV[9])
return {offset, epoch, duplicate and 1 or 0}
