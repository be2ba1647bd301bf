#!lua flags=no-writes
-- A part of the conversations with open clocks. With server_time.lua as prefix.
-- KEYS[1]  shard prefix "dw:{<shard>}:"
-- ARGV[1]  cursor, "0" at the beginning, ARGV[2] about how many
-- Returns  {next cursor, "0" at the end, now, {lane, {HGETALL of clk}}, ...}
local P = KEYS[1]
local page = redis.call('SSCAN', P .. 'watched', ARGV[1], 'COUNT', ARGV[2])
local answer = {page[1], now}
for _, lane in ipairs(page[2]) do
  local clk = redis.pcall('HGETALL', P .. 'clk:' .. lane)
  answer[#answer + 1] = {lane, clk.err and {} or clk}
end
return answer
