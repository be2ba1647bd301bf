-- What scripts share that close jobs or append their events. Not a script of its own; comes after
-- channel_log.lua and lanes.lua.
--
-- Offers: skip_events, append_unfinished, bury, note_attempt.

local ATTEMPTS_KEPT = 10
local AUDIT_ENTRIES = 10000

-- The index after the events described at `at` (ChannelLog::append_args), appending none.
local function skip_events(at)
  local count = tonumber(ARGV[at])
  if count == 0 then
    return at + 1
  end
  return at + 4 + 5 * count
end

-- A job is closed: if an effect that it recorded is still not done, people are told so by the event
-- that the intent left for this case (effects.h, unfinished_record).
local function append_unfinished(root, effect, reason, limits)
  if not effect then
    return
  end
  local memo = P .. 'x:' .. root
  local record = redis.call('HGET', memo, 'u')
  if not record then
    return
  end
  local state = redis.call('GET', P .. 'fx:' .. effect)
  if state and string.sub(state, 1, 1) == 'D' then
    return
  end
  redis.call('HDEL', memo, 'u')
  local channel, id, kept, once, tail =
    string.match(record, '^([^\n]*)\n([^\n]*)\n(%d)\n(%d)\n(.*)$')
  if not channel then
    return
  end
  tail = string.gsub(tail, '@now@', string.format('%.0f', now))
  tail = string.gsub(tail, '@reason@', (string.gsub(reason, '[^%w_.:-]', '_')))
  channel_append_one(P, limits, channel, id, kept == '1', once == '1', tail)
end

-- Parks the lane of a head that died, unless it is parked already or the shard has as many halts as
-- it may. Returns whether it did.
local function park_dead_head(lane, id, code, max_halts)
  local halts = P .. 'halts'
  if redis.call('HLEN', halts) >= max_halts then
    return false
  end
  local reason = 'its job ' .. id .. ' died of ' .. code
  if redis.call('HSETNX', halts, 'p:' .. lane,
      string.format('%.0f\n%s\n%s', now, DEAD_HEAD, reason)) == 0 then
    return false
  end
  redis.call('XADD', P .. 'audit', 'MAXLEN', '~', AUDIT_ENTRIES, '*', 'verb', 'park',
    'conversation', lane, 'actor', DEAD_HEAD, 'reason', reason)
  return true
end

-- Moves a leased head to the dead letters and its lane on. A dead reply is followed by a hand-off
-- at the end of the lane, so that it always reaches a human; where the lane is parked, before what
-- has to wait.
--   job        {lane, kind, root, effect, max_attempts}; root and effect may be false
--   spare      a fresh job id for the hand-off
--   max_halts  most halts of a shard; 0: the lane is not parked
local function bury(id, job, code, message, spare, limits, max_halts)
  local lane, kind = job[1], job[2]
  local list = P .. 'l:' .. lane
  pop_head(lane, id)
  redis.call('HSET', P .. 'j:' .. id, 's', 'd', 'err', code, 'msg', message, 'fin', now)
  redis.call('ZADD', P .. 'dead', now, id)
  redis.call('ZREM', P .. 'lease', lane)
  count_job('d', kind, 1)
  append_unfinished(job[3] or id, job[4], code, limits)
  local parked = park_dead_head(lane, id, code, max_halts)
  if kind == 'reply' then
    redis.call('COPY', P .. 'p:' .. id, P .. 'p:' .. spare)
    redis.call('HSET', P .. 'j:' .. spare, 's', 'a', 'l', lane, 'k', 'handoff', 't', now,
      'ma', job[5] or '8', 'par', id)
    if redis.call('COPY', P .. 'q:' .. id, P .. 'q:' .. spare) == 1 then
      redis.call('HSET', P .. 'j:' .. spare, 'n', 1 + redis.call('LLEN', P .. 'q:' .. spare))
    end
    redis.call(parked and 'LPUSH' or 'RPUSH', list, spare)
    count_job('a', 'handoff', 1)
  end
  place(lane)
end

-- Remembers how an attempt ended that did not complete its job: the newest of them.
--   started, worker   as the job's hash has them; may be false
local function note_attempt(id, started, number, worker, code, message)
  local history = P .. 'h:' .. id
  local length = redis.call('RPUSH', history, string.format('%s\n%.0f\n%s\n%s\n%s\n%s',
    started or '0', now, number, worker or '', code, message))
  if length > ATTEMPTS_KEPT then
    redis.call('LTRIM', history, -ATTEMPTS_KEPT, -1)
  end
end
