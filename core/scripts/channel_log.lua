-- The channels' logs. Not a script of its own: a prefix for every script that appends events, after
-- server_time.lua.
-- C++ inserts this file (ChannelLog::lua_prefix()) right after the script's first line, which must
-- be its `#!lua` shebang.
--
-- Keys, all derived from prefix = "dw:{<shard>}:" and so in one slot:
--   ch:<channel>            HASH    e = epoch, o = newest offset, x = when the expiry was set (s),
--                                   b = bytes of all envelopes so far, f = of those before the log's
--                                   oldest entry, or fewer: looked up again when it matters
--   log:<channel>           STREAM  entry id <offset>-0; e = whole envelope, i = event id,
--                                   b = bytes of all envelopes up to this one, t = when (s)
--   once:<event id>:<channel>  STRING  "<epoch> <offset>" of an event that asked for `once`, 1 day
-- Topic: dw:ev:<channel>; the message is the envelope.
--
-- Functions for the including script:
--   channel_append(prefix, at)
--       appends the events described in ARGV from index `at` on (ChannelLog::append_args):
--         ARGV[at]    number of events n; with n = 0 nothing follows
--         ARGV[at+1]  a random epoch for channels that have none yet
--         ARGV[at+2]  most events and bytes kept in a channel's log, "<events>:<bytes>"
--         ARGV[at+3]  seconds that an event is kept, and the log after its last append
--         then for each event: channel, id, kept (1|0), once (1|0), tail
--       returns  1. the offsets as decimal strings, one an event: "0" when it is not kept, the
--                   first one's when `once` finds that it was appended before
--                2. the index in ARGV after the last argument read
--   channel_limits(epoch, sizes, max_age_s)
--       the same three limits as a value for channel_append_one
--   channel_append_one(prefix, limits, channel, id, kept, once, tail)
--       for an event that comes from elsewhere than ARGV (kept and once are booleans);
--       returns offset (decimal string), epoch, duplicate (boolean)
--
-- The tail is the envelope from `"id":` to the closing brace (encode_envelope_tail). JSON is only
-- ever concatenated here: cjson would round integers beyond 2^53. A caller that stores a tail for
-- later and has its placeholders to fill does so before it calls.

local CHANNEL_ONCE_SECONDS = 86400
-- Expiries are pushed forward when this part of the age has passed, not with each event; what they
-- are set to is longer by as much, so that a log is never gone before its time.
local CHANNEL_RENEWALS = 64

local function channel_limits(epoch, sizes, max_age_s)
  local events, bytes = string.match(sizes, '^(%d+):(%d+)$')
  return {epoch = epoch, max_events = events, max_bytes = tonumber(bytes),
    max_age_s = tonumber(max_age_s)}
end

-- Removes the oldest entries while the log holds too many bytes or they are too old; the newest one
-- stays. Returns the bytes of all envelopes before the oldest entry that is left.
-- `bytes`: of all envelopes so far.
local function channel_trim(log_key, limits, newest, bytes)
  local since = now / 1000 - limits.max_age_s
  local from = '-'
  while true do
    local entry = redis.call('XRANGE', log_key, from, '+', 'COUNT', 1)[1]
    local envelope, sum = entry[2][2], tonumber(entry[2][6])
    local before = sum and sum - #envelope or 0
    local appended = tonumber(entry[2][8])
    local fits = bytes - before <= limits.max_bytes and (not appended or appended >= since)
    if fits or entry[1] == newest then
      if from ~= '-' then
        redis.call('XTRIM', log_key, 'MINID', '=', entry[1])
      end
      return before
    end
    from = '(' .. entry[1]
  end
end

-- The channel's epoch, newest offset (a number), whether its expiries are to be renewed, and the
-- sums `b` and `f`; makes the epoch if there is none.
local function channel_open(prefix, limits, channel)
  local state_key = prefix .. 'ch:' .. channel
  local state = redis.call('HMGET', state_key, 'e', 'o', 'x', 'b', 'f')
  if state[1] then
    local renewed = tonumber(state[3]) or 0
    local age = now / 1000 - renewed
    return state[1], tonumber(state[2]) or 0, age < 0 or age * CHANNEL_RENEWALS > limits.max_age_s,
      tonumber(state[4]) or 0, tonumber(state[5]) or 0
  end
  -- A log without its state belongs to an epoch that nobody knows any more.
  redis.call('UNLINK', prefix .. 'log:' .. channel)
  redis.call('HSET', state_key, 'e', limits.epoch, 'o', '0')
  redis.call('EXPIRE', state_key, 2 * limits.max_age_s)
  return limits.epoch, 0, true, 0, 0
end

local function channel_append_one(prefix, limits, channel, id, kept, once, tail)
  local once_key = prefix .. 'once:' .. id .. ':' .. channel
  if once then
    local first = redis.call('GET', once_key)
    if first then
      local epoch, offset = string.match(first, '^(%S*) (%d+)$')
      return offset or '0', epoch or '', true
    end
  end

  local epoch, offset = '', '0'
  local envelope
  if kept then
    local last, renew, bytes, floor
    epoch, last, renew, bytes, floor = channel_open(prefix, limits, channel)
    offset = string.format('%.0f', last + 1)
    envelope = '{"channel":"' .. channel .. '","epoch":"' .. epoch .. '","offset":' .. offset ..
      ',' .. tail
    local state_key, log_key = prefix .. 'ch:' .. channel, prefix .. 'log:' .. channel
    bytes = bytes + #envelope
    local sum = string.format('%.0f', bytes)
    -- The stream first: should it hold foreign data, the error leaves the offset as it was.
    redis.call('XADD', log_key, 'MAXLEN', '=', limits.max_events, offset .. '-0',
      'e', envelope, 'i', id, 'b', sum, 't', math.floor(now / 1000))
    local over = bytes - floor > limits.max_bytes
    if last > 0 and (renew or over) then
      floor = channel_trim(log_key, limits, offset .. '-0', bytes)
    end
    local from = string.format('%.0f', floor)
    if renew then
      redis.call('HSET', state_key, 'o', offset, 'b', sum, 'f', from, 'x', math.floor(now / 1000))
      redis.call('EXPIRE', log_key, limits.max_age_s + math.ceil(limits.max_age_s / CHANNEL_RENEWALS))
      -- The state outlives the log, so that offsets go on after a quiet time and a client that was
      -- up to date is told so.
      redis.call('EXPIRE', state_key, 2 * limits.max_age_s)
    elseif over then
      redis.call('HSET', state_key, 'o', offset, 'b', sum, 'f', from)
    else
      redis.call('HSET', state_key, 'o', offset, 'b', sum)
    end
  else
    envelope = '{"channel":"' .. channel .. '",' .. tail
  end
  if once then
    redis.call('SET', once_key, epoch .. ' ' .. offset, 'EX', CHANNEL_ONCE_SECONDS)
  end
  redis.call('PUBLISH', 'dw:ev:' .. channel, envelope)
  return offset, epoch, false
end

local function channel_append(prefix, at)
  local count = tonumber(ARGV[at])
  local offsets = {}
  if count == 0 then
    return offsets, at + 1
  end
  local limits = channel_limits(ARGV[at + 1], ARGV[at + 2], ARGV[at + 3])
  at = at + 4
  for i = 1, count do
    offsets[i] = channel_append_one(prefix, limits, ARGV[at], ARGV[at + 1],
      ARGV[at + 2] == '1', ARGV[at + 3] == '1', ARGV[at + 4])
    at = at + 5
  end
  return offsets, at
end
