#!lua
-- One step of the on-call desk: all of it, or nothing.
--
-- KEYS[1]  prefix "dw:{<shard>}:"; further keys, all in the same slot:
--   oc:pos   HASH    channel -> "<epoch> <offset>": what has been read of its log
--   oc:due   ZSET    task -> server ms
--   oc:text  HASH    key -> JSON: alerts, groups, notifications
--   oc:dead  HASH    id -> JSON: notifications that could not be delivered
--   oc:log   STREAM  e = JSON: what was sent, newest last
-- ARGV: most log entries, most dead letters, then operations, each a word and its arguments:
--   at <channel> <position or "">      must be the position
--   held <task> <ms>                   must be the task's time
--   is <key> <text>, none <key>        must be the text under the key
--   move <channel> <position> · drop <task> · due <task> <ms> · put <key> <text> · del <key>
--   log <text> · bury <id> <text> · raise <id>
-- Expectations come first. Returns 1, or 0 when one does not hold.
local prefix = KEYS[1]
local at = 3
local function argument()
  at = at + 1
  return ARGV[at - 1]
end

while at <= #ARGV do
  local word = argument()
  if word == 'at' then
    local channel, wanted = argument(), argument()
    if (redis.call('HGET', prefix .. 'oc:pos', channel) or '') ~= wanted then return 0 end
  elseif word == 'held' then
    local task, wanted = argument(), argument()
    local score = redis.call('ZSCORE', prefix .. 'oc:due', task)
    if not score or string.format('%.0f', tonumber(score)) ~= wanted then return 0 end
  elseif word == 'is' then
    local key, wanted = argument(), argument()
    if redis.call('HGET', prefix .. 'oc:text', key) ~= wanted then return 0 end
  elseif word == 'none' then
    if redis.call('HEXISTS', prefix .. 'oc:text', argument()) == 1 then return 0 end
  elseif word == 'move' then
    local channel = argument()
    redis.call('HSET', prefix .. 'oc:pos', channel, argument())
  elseif word == 'drop' then
    redis.call('ZREM', prefix .. 'oc:due', argument())
  elseif word == 'due' then
    local task = argument()
    redis.call('ZADD', prefix .. 'oc:due', argument(), task)
  elseif word == 'put' then
    local key = argument()
    redis.call('HSET', prefix .. 'oc:text', key, argument())
  elseif word == 'del' then
    redis.call('HDEL', prefix .. 'oc:text', argument())
  elseif word == 'log' then
    redis.call('XADD', prefix .. 'oc:log', 'MAXLEN', '~', ARGV[1], '*', 'e', argument())
  elseif word == 'bury' then
    local id, text = argument(), argument()
    -- Beyond the limit the log alone says that it was given up.
    if redis.call('HLEN', prefix .. 'oc:dead') < tonumber(ARGV[2]) then
      redis.call('HSET', prefix .. 'oc:dead', id, text)
    end
  elseif word == 'raise' then
    redis.call('HDEL', prefix .. 'oc:dead', argument())
  else
    return redis.error_reply('oncall_commit: unknown word ' .. word)
  end
end
return 1
