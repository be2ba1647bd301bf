#!lua
-- Looks through a part of the conversations with open clocks, and makes those due again that no
-- timer would wake: a timer that is gone, or facts that nobody looked at. With server_time.lua as
-- prefix.
-- KEYS[1]  shard prefix "dw:{<shard>}:"
-- ARGV[1]  cursor, "0" at the beginning, ARGV[2] about how many to look at
-- ARGV[3]  1: all of them are due now, because the policies changed
-- ARGV[4]  ms that one may be overdue before it counts
-- Returns  {next cursor, "0" at the end, looked at, timers restored, overdue}
local P = KEYS[1]
local clocks = P .. 'clocks'
local page = redis.call('SSCAN', P .. 'watched', ARGV[1], 'COUNT', ARGV[2])
local restored, overdue = 0, 0
for _, lane in ipairs(page[2]) do
  local due = redis.call('ZSCORE', clocks, lane)
  local known = redis.call('HMGET', P .. 'clk:' .. lane, 'd', 'f')
  local newest = redis.call('XREVRANGE', P .. 'facts:' .. lane, '+', '-', 'COUNT', 1)[1]
  local unseen = newest and newest[1] ~= known[2]
  if ARGV[3] == '1' or unseen then
    if not due or tonumber(due) > now then
      redis.call('ZADD', clocks, now, lane)
      restored = restored + 1
    end
  elseif not due and known[1] and known[1] ~= '0' then
    redis.call('ZADD', clocks, known[1], lane)
    restored = restored + 1
  end
  if due and now - tonumber(due) > tonumber(ARGV[4]) then
    overdue = overdue + 1
  end
end
return {page[1], #page[2], restored, overdue}
