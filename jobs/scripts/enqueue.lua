#!lua
-- Takes in requests of one shard: dedupe, job, fact, conversation state, echo and events, each
-- request whole or not at all. Refused by Redis when memory is full, before anything is written.
-- With channel_log.lua, lanes.lua, closing.lua and coalesce.lua as prefixes.
-- KEYS[1]  shard prefix "dw:{<shard>}:"
-- ARGV[1]  number of requests
-- ARGV[2]  most jobs of a lane
-- ARGV[3]  seconds that what is known of a conversation is kept after its last news
-- ARGV[4]  seconds that effects are remembered
-- ARGV[5]  most facts of a conversation
-- ARGV[6]  number of a conversation's newest texts that are remembered
-- ARGV[7]  1 when SLA clocks run: then the conversation's are due with each fact that may move them
-- then for each request:
--   lane, receipt, kind ("" for no job), packed payload, max attempts, delay in ms,
--   bury code ("" for a live job), bury message, fact ("" for none),
--   most messages of the job ("0": it takes in no others), ms of quiet that it waits for, most ms
--   that it waits,
--   number of dedupe digests, then these,
--   number of state fields (0 or 10), then status, assignee type, assignee id, last sender,
--   last message id, inbox kind, contact name, source, updated at,
--   handed off,
--   number of echo fields (0 or 4), then helpdesk message id, our message id, root job, effect key,
--   events (channel_log.lua),
--   what the text is: "" none, "shown" as it is, "news" of a message, "edit" unless known to be the
--   same; unless none: its digest (16 bytes); then for news and edit the event that tells of an
--   edit (channel_log.lua)
-- Returns  for each request {"ok", offset, ...}, {"joined", job, offset, ...} when another job took
--          its message in, {"again", job, receipt} for a repeat of this very receipt,
--          {"duplicate", job, the first one's receipt} (job "" when the first one made none),
--          {"full", most jobs of a lane}
--          or {"broken", why} where foreign data under our keys was in the way
local SEEN_SECONDS = 2 * 86400 + 3600
local GONE = string.rep('\0', 8)

local max_lane_jobs, known_seconds = tonumber(ARGV[2]), tonumber(ARGV[3])
local day = math.floor(now / 86400000)
local today, yesterday = P .. 'seen:' .. day, P .. 'seen:' .. (day - 1)

-- Written once at the end, for all requests together.
local new_seen, new_ready = {}, {}
local timer_was_set, clocks_are_due = false, false

-- What deliveries left under their digests: the receipt, "-" before it when it made no job, the job
-- and "+" before it when that took it in. Looked up once, for all requests together.
local seen = {}

local function look_up(digests)
  if #digests == 0 then
    return
  end
  for _, bucket in ipairs({yesterday, today}) do
    for i, first in ipairs(redis.call('HMGET', bucket, unpack(digests))) do
      if first then
        seen[digests[i]] = first
      end
    end
  end
end

local function first_seen(digests)
  for _, digest in ipairs(digests) do
    if seen[digest] then
      return seen[digest]
    end
  end
  return nil
end

local function remember(digests, value)
  for _, digest in ipairs(digests) do
    if not seen[digest] then
      seen[digest] = value
      new_seen[#new_seen + 1] = digest
      new_seen[#new_seen + 1] = value
    end
  end
end

-- Whether id a is at least as new as b: by length, then by bytes. Decimal ids of any size compare
-- as numbers so, without becoming doubles.
local function not_older(a, b)
  if string.find(a, '^0*%d+$') then
    a = string.match(a, '^0*(%d+)$')
  end
  if string.find(b, '^0*%d+$') then
    b = string.match(b, '^0*(%d+)$')
  end
  if #a ~= #b then
    return #a > #b
  end
  return a >= b
end

-- Writes a job that is dead from the start.
local function write_dead(id, job)
  redis.call('SET', P .. 'p:' .. id, job.payload)
  redis.call('HSET', P .. 'j:' .. id, 's', 'd', 'l', job.lane, 'k', job.kind, 't', now,
    'ma', job.max_attempts, 'err', job.bury_code, 'msg', job.bury_message, 'fin', now)
  redis.call('ZADD', P .. 'dead', now, id)
  count_job('d', job.kind, 1)
end

-- Writes a job at the end of its lane; false when the lane is full.
local function write_job(id, job)
  local lane = job.lane
  local length = redis.call('RPUSH', P .. 'l:' .. lane, id)
  if length > max_lane_jobs then
    redis.call('RPOP', P .. 'l:' .. lane)
    return false
  end
  redis.call('SET', P .. 'p:' .. id, job.payload)
  if job.delay == '0' then
    redis.call('HSET', P .. 'j:' .. id, 's', 'a', 'l', lane, 'k', job.kind, 't', now,
      'ma', job.max_attempts, unpack(job.extra))
    count_job('a', job.kind, 1)
    if length == 1 then
      new_ready[#new_ready + 1] = lane
    end
    return true
  end
  local due = now + tonumber(job.delay)
  redis.call('HSET', P .. 'j:' .. id, 's', 's', 'l', lane, 'k', job.kind, 't', now,
    'ma', job.max_attempts, 'due', due, unpack(job.extra))
  count_job('s', job.kind, 1)
  if length == 1 then
    redis.call('ZADD', P .. 'timers', due, 'r:' .. lane)
    -- Whoever sleeps until the shard's first timer has to learn of an earlier one.
    timer_was_set = timer_was_set or redis.call('ZRANGE', P .. 'timers', 0, 0)[1] == 'r:' .. lane
  end
  return true
end

-- News of a conversation. Status and assignee by the helpdesk's time, the last message by its id,
-- because webhooks overtake each other.
local function merge_state(lane, fact, news)
  local key = P .. 'c:' .. lane
  local known = redis.call('HMGET', key, 'updated', 'message', 'day', 'handoff')
  local fields = {}
  local function set(name, value)
    if value ~= '' then
      fields[#fields + 1] = name
      fields[#fields + 1] = value
    end
  end
  if news then
    local updated = news[9]
    if updated == '0' or not known[1] or not_older(updated, known[1]) then
      set('status', news[1])
      set('handoff', news[10])
      -- Only what happened to the conversation gives it back: messages repeat an older status.
      if known[4] and news[4] == '' and news[10] == '' and
        (news[1] == 'pending' or news[1] == 'resolved' or news[2] == 'bot') then
        redis.call('HDEL', key, 'handoff')
      end
      set('assignee_type', news[2])
      if news[2] ~= '' then
        fields[#fields + 1] = 'assignee_id'
        fields[#fields + 1] = news[3]
      end
      if updated ~= '0' then
        set('updated', updated)
      end
    end
    if news[5] == '' or not known[2] or not_older(news[5], known[2]) then
      set('sender', news[4])
      set('message', news[5])
    end
    set('inbox', news[6])
    set('contact', news[7])
    set('source', news[8])
  end
  if fact ~= '' then
    redis.call('XADD', P .. 'facts:' .. lane, 'MAXLEN', '~', ARGV[5], '*', 'f', fact)
    -- What brings no state (typing, activity) moves no clock either.
    if news and ARGV[7] == '1' then
      redis.call('ZADD', P .. 'clocks', now, lane)
      clocks_are_due = true
    end
  end
  -- Once a day is often enough to push the expiry forward.
  local renew = known[3] ~= tostring(day)
  if renew then
    set('day', tostring(day))
  end
  if #fields > 0 then
    redis.call('HSET', key, unpack(fields))
  end
  if renew then
    redis.call('EXPIRE', key, known_seconds)
    redis.call('EXPIRE', P .. 'facts:' .. lane, known_seconds)
    redis.call('EXPIRE', P .. 't:' .. lane, known_seconds)
  end
end

-- Our own post came back: its helpdesk id is known, and so the effect is proven done. A voided one
-- too: without this the next attempt would post again. What the intent left stays for the
-- completion.
local function close_echo(lane, helpdesk_id, our_id, root, effect)
  redis.call('HSET', P .. 'm:' .. lane, helpdesk_id, our_id)
  redis.call('EXPIRE', P .. 'm:' .. lane, ARGV[4])
  if root == '' then
    return
  end
  local state = redis.call('GET', P .. 'fx:' .. effect)
  if state and string.sub(state, 1, 1) == 'D' then
    return
  end
  if state or redis.call('EXISTS', P .. 'x:' .. root) == 1 then
    redis.call('SET', P .. 'fx:' .. effect, 'D|' .. helpdesk_id, 'EX', ARGV[4])
  end
end

-- Whether news of a message say something else than what people saw of it last; remembers what they
-- say. An entry is a digest of 16 bytes: 8 of the id's, 8 of the content's or GONE.
local function is_edit(lane, what, digest)
  local key = P .. 't:' .. lane
  local edit = false
  if what ~= 'shown' then
    local texts = redis.call('GET', key) or ''
    local message, known = string.sub(digest, 1, 8), nil
    for at = 1, #texts - 15, 16 do
      if string.sub(texts, at, at + 7) == message then
        known = string.sub(texts, at + 8, at + 15)
      end
    end
    if known == string.sub(digest, 9) or known == GONE then
      return false
    end
    edit = known ~= nil or what == 'edit'
  end
  local length = redis.call('APPEND', key, digest)
  if length == 16 then
    redis.call('EXPIRE', key, known_seconds)
  elseif length > 2 * 16 * ARGV[6] then
    redis.call('SET', key, redis.call('GETRANGE', key, -16 * ARGV[6], -1), 'KEEPTTL')
  end
  return edit
end

-- `count` arguments from `at` on, and the index after them.
local function read_list(at, count)
  local list = {}
  for i = 1, count do
    list[i] = ARGV[at + i - 1]
  end
  return list, at + count
end

-- The request described at `at`, and the index after it.
local function read_request(at)
  local request = {lane = ARGV[at], receipt = ARGV[at + 1], kind = ARGV[at + 2],
    payload = ARGV[at + 3], max_attempts = ARGV[at + 4], delay = ARGV[at + 5],
    bury_code = ARGV[at + 6], bury_message = ARGV[at + 7], fact = ARGV[at + 8],
    max_messages = ARGV[at + 9], quiet = ARGV[at + 10], max_wait = ARGV[at + 11]}
  request.extra = request.max_messages == '0' and {} or {'n', 1}
  request.digests, at = read_list(at + 13, tonumber(ARGV[at + 12]))
  request.state, at = read_list(at + 1, tonumber(ARGV[at]))
  request.echo, at = read_list(at + 1, tonumber(ARGV[at]))
  request.events_at = at
  at = skip_events(at)
  request.text, request.digest = ARGV[at], ARGV[at + 1]
  if request.text == '' then
    return request, at + 1
  end
  request.edit_at = at + 2
  return request, request.text == 'shown' and at + 2 or skip_events(at + 2)
end

-- The job that a request asks for: its id, nil when it wants none, false when its lane is full; and
-- whether it is an earlier one that took the message in.
local function make_job(request)
  if request.kind == '' then
    return nil
  end
  if request.bury_code ~= '' then
    write_dead(request.receipt, request)
    return request.receipt
  end
  local joined = request.max_messages ~= '0' and coalesce(request, function(lane)
    new_ready[#new_ready + 1] = lane
  end)
  if joined then
    return joined, true
  end
  return write_job(request.receipt, request) and request.receipt
end

local function take_in(request)
  local lane, receipt, digests = request.lane, request.receipt, request.digests
  local first = first_seen(digests)
  if first then
    -- Under its other keys it may come again when the bucket of this one is gone.
    remember(digests, first)
    local sign = string.find(first, '[-+]')
    local job = sign and string.sub(first, 1, sign - 1) or first
    local first_receipt = sign and string.sub(first, sign + 1) or first
    return {first_receipt == receipt and 'again' or 'duplicate', job, first_receipt}
  end
  local job, joined = make_job(request)
  if job == false then
    return {'full', max_lane_jobs}
  end
  remember(digests, joined and job .. '+' .. receipt or job or '-' .. receipt)
  if request.fact ~= '' or #request.state > 0 then
    merge_state(lane, request.fact, #request.state > 0 and request.state)
  end
  if #request.echo > 0 then
    close_echo(lane, unpack(request.echo))
  end
  local offsets = channel_append(P, request.events_at)
  if request.text ~= '' and is_edit(lane, request.text, request.digest) then
    offsets[#offsets + 1] = channel_append(P, request.edit_at)[1]
  end
  if joined then
    table.insert(offsets, 1, job)
  end
  table.insert(offsets, 1, joined and 'joined' or 'ok')
  return offsets
end

local requests, digests, at = {}, {}, 8
for i = 1, tonumber(ARGV[1]) do
  local request
  request, at = read_request(at)
  requests[i] = request
  for _, digest in ipairs(request.digests) do
    digests[#digests + 1] = digest
  end
end
look_up(digests)

local results = {}
for i, request in ipairs(requests) do
  -- Foreign data under the keys of one conversation must not fail the requests of the others.
  local whole, result = pcall(take_in, request)
  if not whole then
    result = {'broken', type(result) == 'table' and result.err or tostring(result)}
  end
  results[i] = result
end

if #new_ready > 0 then
  redis.call('RPUSH', P .. 'ready', unpack(new_ready))
end
if #new_seen > 0 then
  local added = redis.call('HSET', today, unpack(new_seen))
  if redis.call('HLEN', today) == added then
    redis.call('EXPIRE', today, SEEN_SECONDS)
  end
end
if #new_ready > 0 or timer_was_set then
  ring()
end
if clocks_are_due and redis.call('LLEN', P .. 'clockbell') == 0 then
  redis.call('LPUSH', P .. 'clockbell', '1')
end
save_counts()
return results
