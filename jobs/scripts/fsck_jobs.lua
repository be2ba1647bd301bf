#!lua flags=allow-oom
-- Checks jobs: that each is where its state says, and repairs it if asked. With foreign.lua,
-- server_time.lua and lanes.lua as prefixes.
-- KEYS[1]  shard prefix "dw:{<shard>}:"
-- ARGV[1]  "1": repair
-- ARGV[2..] job ids
-- Returns  {{job, what is wrong, "1" when it can be repaired, job, …},
--           {"<state letter>:<kind>" of each job}}
local repair = ARGV[1] == '1'
local findings, states = {}, {}
local SETS = {c = 'done', d = 'dead', x = 'cancelled'}

local function say(id, what, repairable)
  findings[#findings + 1] = id
  findings[#findings + 1] = what
  findings[#findings + 1] = repairable and '1' or '0'
end

local function check_live(id, state, lane, kind)
  local list = P .. 'l:' .. lane
  if not look('LPOS', list, id) then
    say(id, 'is in state ' .. state .. ' but not in its lane ' .. lane, true)
    if repair then
      if state == 'r' or state == 't' then
        redis.call('HSET', P .. 'j:' .. id, 's', 'a')
        count_job(state, kind, -1)
        count_job('a', kind, 1)
      end
      if redis.call('RPUSH', list, id) == 1 then
        place(lane)
      end
    end
  end
  if redis.call('EXISTS', P .. 'p:' .. id) == 0 then
    say(id, 'has no payload; it will be buried as corrupt when its turn comes', false)
  end
end

for i = 2, #ARGV do
  local id = ARGV[i]
  local job = redis.call('HMGET', P .. 'j:' .. id, 's', 'l', 'fin', 'k')
  local state, lane = job[1], job[2]
  states[#states + 1] = state and state .. ':' .. (job[4] or '') or ''
  if is_live(state) and lane then
    check_live(id, state, lane, job[4])
  elseif SETS[state or ''] then
    if not look('ZSCORE', P .. SETS[state], id) then
      say(id, 'is finished but not in ' .. SETS[state] .. ', so that it would be kept for ever',
        true)
      if repair then
        redis.call('ZADD', P .. SETS[state], tonumber(job[3] or now) or now, id)
      end
    end
  elseif redis.call('EXISTS', P .. 'j:' .. id) == 1 then
    say(id, 'has no state or no lane', false)
  end
end
if repair and #findings > 0 then
  save_counts()
  if redis.call('LLEN', P .. 'ready') > 0 then
    ring()
  end
end
return {findings, states}
