#!lua flags=allow-oom
-- The episode of a long queue wait, shared by all processes that watch it.
--
-- KEYS[1]  prefix "dw:{0}:"; the state is the hash <prefix>queue_wait:
--   level      none | warning | violation
--   episode    id of the episode; seq counts the violations in it
--   since      ms: the moment since when the first job had waited when the episode began
--   warning, violation, met   seconds waited when the level was reached, or the episode ended
--   worst      the highest level of the episode
--   below_w, below_v     ms since when the wait is below 0.8 x the threshold; absent: it is not
--   told       space-separated ids of announcements that are in the channels
-- ARGV[1] = "observe": ARGV[2] server time ms, [3] wait ms, [4] warning ms, [5] critical ms,
--                      [6] ms that it must stay below to clear, [7] id for a new episode
-- ARGV[1] = "told":    ARGV[2] id of an announcement
-- Returns: level, episode, since, worst, seconds at warning, at violation, at the end,
--          then the announcements that nobody has confirmed yet ("warning", "violation", "met"),
--          each followed by its id.
-- An announcement is repeated to every observer until one confirms it, so that a process that dies
-- between this script and the channels loses none; its id makes the repeats harmless.
local key = KEYS[1] .. 'queue_wait'

local s = {}
local flat = redis.call('HGETALL', key)
for i = 1, #flat, 2 do s[flat[i]] = flat[i + 1] end
s.level = s.level or 'none'
s.told = s.told or ''
s.seq = tonumber(s.seq or '0')

local function is_told(id)
  return string.find(' ' .. s.told .. ' ', ' ' .. id .. ' ', 1, true) ~= nil
end

if ARGV[1] == 'told' then
  local ours = s.episode and string.sub(ARGV[2], 1, #s.episode) == s.episode
  if ours and not is_told(ARGV[2]) then
    redis.call('HSET', key, 'told', s.told == '' and ARGV[2] or s.told .. ' ' .. ARGV[2])
  end
  return {}
end

local now, wait = tonumber(ARGV[2]), tonumber(ARGV[3])
local warning, critical, clear_for = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])

-- Since when the wait is below 0.8 x threshold; nil: it is not.
local function below_since(field, threshold)
  if wait >= 0.8 * threshold then
    s[field] = nil
  else
    s[field] = tonumber(s[field]) or now
  end
  return s[field]
end
local below_w = below_since('below_w', warning)
local below_v = below_since('below_v', critical)

local function raise(level)
  if s.level == 'none' then
    s.episode, s.since, s.seq = ARGV[7], now - wait, 0
    s.warning, s.violation, s.met, s.worst, s.told = nil, nil, nil, nil, ''
  end
  s.level = level
  s[level] = math.floor(wait / 1000)
  if s.worst ~= 'violation' then s.worst = level end
  if level == 'violation' then s.seq = s.seq + 1 end
end

if wait >= critical and s.level ~= 'violation' then
  raise('violation')
elseif wait >= warning and s.level == 'none' then
  raise('warning')
elseif s.level == 'violation' and below_v and now - below_v >= clear_for then
  s.level = 'warning'
end
if s.level == 'warning' and below_w and now - below_w >= clear_for then
  s.level, s.met = 'none', math.floor(wait / 1000)
end

local changed = {'level', s.level, 'seq', s.seq, 'told', s.told}
for _, field in ipairs({'episode', 'since', 'warning', 'violation', 'met', 'worst',
                        'below_w', 'below_v'}) do
  if s[field] then
    changed[#changed + 1] = field
    changed[#changed + 1] = s[field]
  end
end
redis.call('UNLINK', key)
redis.call('HSET', key, unpack(changed))

local answer = {s.level, s.episode or '', string.format('%.0f', s.since or 0), s.worst or '',
                tostring(s.warning or 0), tostring(s.violation or 0), tostring(s.met or 0)}
local function announce(kind, id)
  if is_told(id) then return end
  answer[#answer + 1] = kind
  answer[#answer + 1] = id
end
if s.warning then announce('warning', s.episode .. '-w') end
if s.seq > 0 then announce('violation', s.episode .. '-v' .. s.seq) end
if s.met then announce('met', s.episode .. '-m') end
return answer
