#!lua flags=allow-oom
-- A channel's position, and the events after a known one. Creates the channel's epoch if it has
-- none; allowed when memory is full, since that is all it ever writes.
-- With channel_log.lua and read_page.lua as prefixes.
-- KEYS[1]  shard prefix "dw:{<shard>}:"
-- ARGV[1]  channel
-- ARGV[2]  a random epoch for a channel that has none yet
-- ARGV[3]  most seconds a log is kept after its last append
-- ARGV[4]  epoch of the known position; "" when there is none
-- ARGV[5]  offset of the known position
-- ARGV[6]  most entries wanted
-- ARGV[7]  most bytes of envelopes
-- Returns  {epoch, offset, recovered (1|0), more (1|0), {offset, event id, envelope, ...}}
local prefix, channel = KEYS[1], ARGV[1]
local epoch, top = channel_open(prefix, channel_limits(ARGV[2], '0', ARGV[3]), channel)
local top_text = string.format('%.0f', top)
local from = tonumber(ARGV[5])
if ARGV[4] ~= epoch or not from or from > top then
  return {epoch, top_text, 0, 0, {}}
end
if from == top then
  return {epoch, top_text, 1, 0, {}}
end
-- Kept offsets have no holes, so the log reaches back exactly when the next one is still there.
local log_key = prefix .. 'log:' .. channel
local next_id = string.format('%.0f-0', from + 1)
if #redis.call('XRANGE', log_key, next_id, next_id) == 0 then
  return {epoch, top_text, 0, 0, {}}
end
local page, more = log_page('XRANGE', log_key, next_id, '+', tonumber(ARGV[6]), tonumber(ARGV[7]))
if more then
  return {epoch, top_text, 0, 1, {}}
end
return {epoch, top_text, 1, 0, page}
