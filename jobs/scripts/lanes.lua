-- Lanes: what every script that moves jobs shares. Not a script of its own: C++ inserts it after a
-- script's first line, after server_time.lua (jobs/redis_scripts.cc). Keys and letters:
-- docs/redis-keys.md.
--
-- Invariant: a lane with jobs is in exactly one of ready, lease, timers, parked; one without in
-- none. The head of a lane stays in place until it is finished for good.
--
-- Offers: P (the shard's prefix), DEAD_HEAD, count_job, save_counts, ring, is_live,
-- place, pop_head, hand_back, next_due, read_conversation.
local P = KEYS[1]
-- Who parks a lane whose head has died (operator_store.h, kDeadHeadActor).
local DEAD_HEAD = 'policy:dead_head'

-- Jobs by state letter and kind, as they change within this call. Running ones are not counted: they
-- are the heads of the lanes in `lease`.
local counted = {}

local function count_job(state, kind, by)
  if state ~= 'r' then
    local field = state .. ':' .. (kind or '')
    counted[field] = (counted[field] or 0) + by
  end
end

local function save_counts()
  for field, by in pairs(counted) do
    if by ~= 0 then
      redis.call('HINCRBY', P .. 'counts', field, by)
    end
  end
end

-- One token at most: a bell that nobody has answered yet needs no second ring.
local function ring()
  if redis.call('LLEN', P .. 'bell') == 0 then
    redis.call('LPUSH', P .. 'bell', '1')
  end
end

local function is_live(state)
  return state == 'a' or state == 's' or state == 't' or state == 'r'
end

-- Puts a lane with a new head where it belongs. Ids without a live job are garbage and dropped, so
-- that foreign data can stop a lane from nothing. A lane whose list is of another type is left where
-- it is, in no place, so that it stops no other lane; fsck_keys.lua mends it.
local function place(lane)
  local list = P .. 'l:' .. lane
  while true do
    local id = redis.pcall('LINDEX', list, 0)
    if type(id) ~= 'string' then
      return
    end
    local head = redis.pcall('HMGET', P .. 'j:' .. id, 's', 'due', 'k')
    if is_live(head[1]) then
      local due = tonumber(head[2] or now) or now
      if head[1] ~= 'a' then
        if due > now then
          redis.call('ZADD', P .. 'timers', due, 'r:' .. lane)
          return
        end
        redis.call('HSET', P .. 'j:' .. id, 's', 'a')
        count_job(head[1], head[3], -1)
        count_job('a', head[3], 1)
      end
      redis.call('RPUSH', P .. 'ready', lane)
      return
    end
    redis.call('LPOP', list)
  end
end

-- Takes a finished job off the front of its lane.
local function pop_head(lane, id)
  local list = P .. 'l:' .. lane
  local head = redis.call('LPOP', list)
  if head and head ~= id then
    redis.call('LPUSH', list, head)
    redis.call('LREM', list, 1, id)
  end
end

-- A leased head becomes available again, its lane first in line; the attempt is not counted. What
-- took in more messages meanwhile may have to wait for its time again (coalesce.lua).
local function hand_back(id, lane, attempts, ...)
  local key = P .. 'j:' .. id
  local job = redis.call('HMGET', key, 'due', 'k')
  local due = tonumber(job[1] or nil)
  local state = due and due > now and 's' or 'a'
  redis.call('HSET', key, 's', state, 'a', math.max(0, (tonumber(attempts) or 1) - 1), ...)
  count_job(state, job[2], 1)
  redis.call('ZREM', P .. 'lease', lane)
  if state == 's' then
    redis.call('ZADD', P .. 'timers', due, 'r:' .. lane)
  else
    redis.call('LPUSH', P .. 'ready', lane)
  end
end

-- What is known of a conversation, in the order of conversation_fields() (redis_scripts.h); false
-- where foreign data is in the way, so that it stops nobody else's job.
local function read_conversation(lane)
  local known = redis.pcall('HMGET', P .. 'c:' .. lane, 'status', 'assignee_type', 'assignee_id',
    'sender', 'message', 'inbox', 'contact', 'source', 'updated', 'handoff')
  return not known.err and known
end

-- Server time of the first timer; '0' when there is none.
local function next_due()
  local first = redis.call('ZRANGE', P .. 'timers', 0, 0, 'WITHSCORES')
  return first[2] or '0'
end
