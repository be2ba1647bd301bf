-- A customer's burst becomes one job. Not a script of its own; comes after lanes.lua.
--
-- A job that may take in more messages has the field `n`, how many it holds; what came after the
-- first one lies in the list q:<id>. It takes them while it waits, and while it runs without having
-- announced its effect (`fx`): then its attempt is told to begin anew (beat.lua, intend.lua,
-- step.lua), so that everything said is answered and nothing twice.
--
-- Offers: coalesce.

-- Adds a request to the last job of its lane, if that takes it. A waiting job then waits until the
-- customer has been quiet, but never beyond `max_wait` since its first message.
--   request  {lane, kind, payload, quiet, max_wait, max_messages}
--   on_due   called with the lane when its head is due at once
-- Returns    the job's id; nil: the request needs a job of its own
local function coalesce(request, on_due)
  local lane, max_messages = request.lane, tonumber(request.max_messages)
  local id = redis.call('LINDEX', P .. 'l:' .. lane, -1)
  if not id then
    return nil
  end
  local key = P .. 'j:' .. id
  local job = redis.call('HMGET', key, 's', 'k', 'n', 'fx', 't', 'par')
  local state, messages = job[1], tonumber(job[3])
  -- A replay may find its effect done: what joined it would never be answered.
  if not messages or messages >= max_messages or job[2] ~= request.kind or job[4] or job[6] or
      not is_live(state) then
    return nil
  end
  local latest = (tonumber(job[5] or now) or now) + tonumber(request.max_wait)
  if state == 'r' and now >= latest then
    return nil
  end
  messages = messages + 1
  redis.call('RPUSH', P .. 'q:' .. id, request.payload)
  if state ~= 's' and state ~= 'r' then
    redis.call('HSET', key, 'n', messages)
    return id
  end
  local due = math.min(now + tonumber(request.quiet), latest)
  if messages >= max_messages or due < now then
    due = now
  end
  redis.call('HSET', key, 'n', messages, 'due', due)
  -- A running one waits when it is handed back, one behind others when it comes first.
  if state == 's' and redis.call('LINDEX', P .. 'l:' .. lane, 0) == id then
    if due > now then
      redis.call('ZADD', P .. 'timers', due, 'r:' .. lane)
    elseif redis.call('ZREM', P .. 'timers', 'r:' .. lane) == 1 then
      redis.call('HSET', key, 's', 'a')
      count_job('s', job[2], -1)
      count_job('a', job[2], 1)
      on_due(lane)
    end
  end
  return id
end
