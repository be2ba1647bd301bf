#!lua flags=allow-oom
-- Takes conversations whose SLA clocks are due, with all that is known of them. Each is claimed for
-- a while: whoever dies before clock_apply.lua leaves it due again. With server_time.lua as prefix.
-- KEYS[1]  shard prefix "dw:{<shard>}:"
-- ARGV[1]  most conversations, ARGV[2] ms of the claim, ARGV[3] most facts of each, newest first
-- Returns  {now, time of the first one still waiting or "0", entries in `out`,
--           {lane, {HGETALL of clk}, {HGETALL of told}, {{fact id, {"f", fact}}, ...}}, ...}
-- Foreign data under a conversation's keys makes it come without that part.
local P = KEYS[1]
local clocks = P .. 'clocks'

local function read(...)
  local value = redis.pcall(...)
  return value.err and {} or value
end

local answer = {now, '0', redis.call('LLEN', P .. 'out')}
for _, lane in ipairs(redis.call('ZRANGEBYSCORE', clocks, '-inf', now, 'LIMIT', 0, ARGV[1])) do
  redis.call('ZADD', clocks, now + tonumber(ARGV[2]), lane)
  answer[#answer + 1] = {lane, read('HGETALL', P .. 'clk:' .. lane),
    read('HGETALL', P .. 'told:' .. lane),
    read('XREVRANGE', P .. 'facts:' .. lane, '+', '-', 'COUNT', ARGV[3])}
end
local first = redis.call('ZRANGE', clocks, 0, 0, 'WITHSCORES')
answer[2] = first[2] or '0'
return answer
