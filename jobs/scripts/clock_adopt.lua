#!lua
-- Makes conversations due that have facts, but whose clocks nobody ever looked at. With
-- server_time.lua as prefix.
-- KEYS[1]  shard prefix "dw:{<shard>}:"
-- ARGV     lanes
-- Returns  how many became due
local P = KEYS[1]
local adopted = 0
for _, lane in ipairs(ARGV) do
  if redis.call('EXISTS', P .. 'clk:' .. lane) == 0 then
    adopted = adopted + redis.call('ZADD', P .. 'clocks', 'NX', now, lane)
  end
end
return adopted
