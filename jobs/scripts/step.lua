#!lua flags=allow-oom
-- Completes jobs and leases the next ones, in one round trip. Allowed when memory is full: it is
-- what frees memory. With channel_log.lua, lanes.lua, closing.lua and halts.lua as prefixes.
-- KEYS[1]   shard prefix "dw:{<shard>}:"
-- ARGV[1]   worker
-- ARGV[2]   its request number; the last one again gets the stored answer
-- ARGV[3]   leases wanted
-- ARGV[4]   lease in ms
-- ARGV[5]   ms that an answer is kept for a repeat
-- ARGV[6]   most completed jobs kept
-- ARGV[7]   seconds that effects are remembered
-- ARGV[8]   a random epoch, ARGV[9] most events and bytes of a log, ARGV[10] most seconds of a log
-- ARGV[11]  number of completions; for each: id, token, messages known, outcome, reason (for an
--           effect left open), effect, remote id, our message id, steps (each may be empty), events
--           (channel_log.lua), which with an effect are appended by the first completion after an
--           intent only
-- Returns   {now, next due, {stale id, ...}, {lease, ...}}, a lease being {id, token, payload,
--           saved reply, {state before, lane, kind, root, attempt, max attempts, crashes, created,
--           ...}, conversation, {payload of a further message, ...}} with nil for fields that the
--           job does not have;
--           or the number of the last request when this one is older
local TRIM_EVERY = 16

local worker_key = P .. 'w:' .. ARGV[1]
local want, lease_ms = tonumber(ARGV[3]), tonumber(ARGV[4])
local limits = channel_limits(ARGV[8], ARGV[9], ARGV[10])
local paused = false

-- The leases of this answer, each {id, token, fields of the job as read_job gives them}.
local taken = {}

-- Without fields where the key is of another type.
local function read_job(id)
  return redis.pcall('HMGET', P .. 'j:' .. id, 's', 'l', 'k', 'root', 'a', 'ma', 'cr', 't', 'fx',
    'par', 'tok', 'n')
end

local answered = redis.call('GET', worker_key)
if answered then
  local last, leases = string.match(answered, '^(%d+)(.*)$')
  if last == ARGV[2] then
    -- What has been lost or finished since is left out; the token says so.
    for id, token in string.gmatch(leases, ' (%S+):(%d+)') do
      local job = read_job(id)
      if job[1] == 'r' and job[11] == token then
        taken[#taken + 1] = {id, token, job}
      end
    end
    want = 0
  elseif last and (#last > #ARGV[2] or (#last == #ARGV[2] and last > ARGV[2])) then
    return last
  end
end

local finished, freed, stale = {}, {}, {}

-- @return Whether this is the first completion since the intent: a replay finds the effect done.
local function close_effect(effect, remote, message, root, lane)
  redis.call('SET', P .. 'fx:' .. effect, 'D|' .. remote, 'EX', ARGV[7])
  if message ~= '' and remote ~= '' then
    redis.call('HSET', P .. 'm:' .. lane, remote, message)
    redis.call('EXPIRE', P .. 'm:' .. lane, ARGV[7])
  end
  return redis.call('UNLINK', P .. 'x:' .. root) == 1
end

-- Completes the job described at `at`; returns the index after it.
local function complete(at)
  local id, token = ARGV[at], ARGV[at + 1]
  local key = P .. 'j:' .. id
  local job = redis.call('HMGET', key, 's', 'tok', 'l', 'root', 'fx', 'n', 'a', 'k', 'at')
  local lane = job[3]
  if job[2] ~= token or not lane or (job[1] ~= 'r' and job[1] ~= 'c') then
    stale[#stale + 1] = id
    return skip_events(at + 9)
  end
  if job[1] == 'c' then
    -- Completed by this very lease: the answer was lost.
    return skip_events(at + 9)
  end
  if ARGV[at + 5] == '' and job[6] and tonumber(job[6]) > tonumber(ARGV[at + 2]) then
    -- What came meanwhile was not looked at: the job is not done.
    hand_back(id, lane, job[7])
    return skip_events(at + 9)
  end
  redis.call('HSET', key, 's', 'c', 'out', ARGV[at + 3], 'fin', now)
  if ARGV[at + 8] ~= '' then
    note_attempt(id, job[9], job[7] or '1', ARGV[1], '', ARGV[at + 8])
  end
  finished[#finished + 1] = now
  finished[#finished + 1] = id
  freed[#freed + 1] = lane
  count_job('c', job[8], 1)
  local effect, after = ARGV[at + 5], nil
  if effect == '' then
    after = select(2, channel_append(P, at + 9))
    append_unfinished(job[4] or id, job[5], ARGV[at + 4], limits)
  elseif close_effect(effect, ARGV[at + 6], ARGV[at + 7], job[4] or id, lane) then
    after = select(2, channel_append(P, at + 9))
  else
    after = skip_events(at + 9)
  end
  pop_head(lane, id)
  place(lane)
  return after
end

local at = 12
for _ = 1, tonumber(ARGV[11]) do
  at = complete(at)
end
if #finished > 0 then
  redis.call('ZREM', P .. 'lease', unpack(freed))
  redis.call('ZADD', P .. 'done', unpack(finished))
  -- Now and then, twice what came in since at most: retention keeps up, and no call gets long.
  local every = #freed >= TRIM_EVERY and 1 or TRIM_EVERY
  local excess = tonumber(ARGV[2]) % every == 0 and
    redis.call('ZCARD', P .. 'done') - tonumber(ARGV[6]) or 0
  if excess > 0 then
    local old = redis.call('ZPOPMIN', P .. 'done', math.min(excess, 2 * every * #freed))
    local keys = {}
    for i = 1, #old, 2 do
      count_job('c', redis.call('HGET', P .. 'j:' .. old[i], 'k'), -1)
      keys[#keys + 1] = P .. 'j:' .. old[i]
      keys[#keys + 1] = P .. 'p:' .. old[i]
      keys[#keys + 1] = P .. 'q:' .. old[i]
      keys[#keys + 1] = P .. 'h:' .. old[i]
    end
    redis.call('UNLINK', unpack(keys))
  end
end

-- Leases the heads of the first `want` lanes in line. What one lane's keys break must not cost the
-- others their place: nothing between their leaving the line and their lease may fail.
-- @return  nil, or the error reply when there are no tokens: nothing was leased.
local function take()
  local lanes = redis.call('LPOP', P .. 'ready', want)
  if not lanes then
    return
  end
  local leases, memory = {}, {}
  for _, lane in ipairs(lanes) do
    local id = redis.pcall('LINDEX', P .. 'l:' .. lane, 0)
    local job = type(id) == 'string' and read_job(id)
    if job and job[1] == 'a' and job[2] == lane then
      taken[#taken + 1] = {id, false, job}
    else
      place(lane)
    end
  end
  if #taken == 0 then
    return
  end
  local fence = redis.pcall('HINCRBY', P .. 'meta', 'fence', #taken)
  if type(fence) == 'table' then
    for i = #taken, 1, -1 do
      redis.call('LPUSH', P .. 'ready', taken[i][3][2])
    end
    taken = {}
    return redis.error_reply('FOREIGN key ' .. P .. 'meta, field fence: ' .. fence.err ..
      '; run `deskwire jobs fsck --repair`')
  end
  fence = fence - #taken
  for i, lease in ipairs(taken) do
    local id, job = lease[1], lease[3]
    lease[2] = string.format('%.0f', fence + i)
    job[5] = (tonumber(job[5] or 0) or 0) + 1
    redis.call('HSET', P .. 'j:' .. id, 's', 'r', 'a', job[5], 'tok', lease[2], 'w', ARGV[1],
      'at', now)
    leases[#leases + 1] = now + lease_ms
    leases[#leases + 1] = job[2]
    count_job('a', job[3], -1)
    memory[i] = ' ' .. id .. ':' .. lease[2]
  end
  redis.call('ZADD', P .. 'lease', unpack(leases))
  redis.call('SET', worker_key, ARGV[2] .. table.concat(memory), 'PX', ARGV[5])
end

if want > 0 then
  want = hold_halted(want)
  -- While everything is paused, ringing for what is ready would make the workers spin.
  paused = want == 0 and all_halted()
end
local refusal = want > 0 and take()
if refusal then
  -- What was completed stays so, and its counters with it.
  save_counts()
  return refusal
end

local leases = {}
if #taken > 0 then
  local payload_keys = {}
  for i, lease in ipairs(taken) do
    payload_keys[i] = P .. 'p:' .. lease[1]
  end
  local payloads = redis.call('MGET', unpack(payload_keys))
  for i, lease in ipairs(taken) do
    local id, job = lease[1], lease[3]
    local saved = false
    -- Only an intent leaves a text, and only a retry or a replay can find one.
    if job[9] or job[10] then
      saved = redis.call('HGET', P .. 'x:' .. (job[4] or id), 'reply')
    end
    local more = tonumber(job[12] or 1) > 1 and redis.call('LRANGE', P .. 'q:' .. id, 0, -1) or {}
    leases[i] = {id, lease[2], payloads[i], saved, job, read_conversation(job[2]), more}
  end
end

save_counts()
if not paused and redis.call('LLEN', P .. 'ready') > 0 then
  ring()
end
return {now, next_due(), stale, leases}
