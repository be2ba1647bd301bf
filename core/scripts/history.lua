#!lua flags=no-writes
-- A page of a channel's log. With read_page.lua as prefix.
-- KEYS[1]  shard prefix "dw:{<shard>}:"
-- ARGV[1]  channel
-- ARGV[2]  "before" (newest entries below a bound, descending) or "after" (oldest ones above it)
-- ARGV[3]  the bound, an offset; "" with "before": from the top
-- ARGV[4]  most entries wanted
-- ARGV[5]  most bytes of envelopes
-- Returns  {epoch, offset, more (1|0), {offset, event id, envelope, ...}}; epoch "" and offset "0"
--          for a channel that nobody used yet
local prefix, channel = KEYS[1], ARGV[1]
local state = redis.call('HMGET', prefix .. 'ch:' .. channel, 'e', 'o')
local log_key = prefix .. 'log:' .. channel
if not state[1] then
  return {'', '0', 0, {}}
end
local page, more
if ARGV[2] == 'after' then
  page, more = log_page('XRANGE', log_key, '(' .. ARGV[3] .. '-0', '+', tonumber(ARGV[4]),
    tonumber(ARGV[5]))
else
  if ARGV[3] == '0' then
    return {state[1], state[2] or '0', 0, {}}
  end
  local first = '+'
  if ARGV[3] ~= '' then
    first = '(' .. ARGV[3] .. '-0'
  end
  page, more = log_page('XREVRANGE', log_key, first, '-', tonumber(ARGV[4]), tonumber(ARGV[5]))
end
return {state[1], state[2] or '0', more and 1 or 0, page}
