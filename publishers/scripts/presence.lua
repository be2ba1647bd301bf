#!lua
-- Presence of one channel: removes expired entries, applies changes, lists. Publishes an event when
-- a client's first connection enters, its data changes, or its last connection leaves.
--
-- Every gateway calls at least every third of the time to live, for each shard. When nobody has
-- called for two thirds of it, Redis was out of reach: what has expired meanwhile may be alive, and
-- gets as long again to be renewed.
--
-- KEYS[1]  shard prefix "dw:{<shard>}:"; further keys, all in the same slot:
--   pb           STRING  server ms of the last call for any channel of the shard, 1 day
--   pg           STRING  until when nothing expires, server ms
--   pe:<channel>  ZSET  "<session> <client id>" -> expiry, server ms
--   pn:<channel>  HASH  client id -> number of its connections
--   pd:<channel>  HASH  client id -> its newest data, a JSON object's text
-- ARGV[1]  channel; "": nothing more than a sign of life for the shard
-- ARGV[2]  time to live of an entry, ms
-- ARGV[3]  most members to list; 0: none
-- ARGV[4]  envelope of presence:enter and presence:update; ARGV[5]  of presence:leave.
--          With @id@ @event@ @client@ @data@ @now@ to be filled in: JSON is only concatenated here.
-- ARGV[6]  number of changes; then for each: enter|update|renew|leave, client id, session, data
-- Returns  {members, client id, data, client id, data, ...}; {} without a channel

-- Keys outlive their entries, so that those are still known after a time without Redis.
local KEPT_MS = 3600000
local prefix, channel, ttl = KEYS[1], ARGV[1], tonumber(ARGV[2])
local expiries = prefix .. 'pe:' .. channel
local counts = prefix .. 'pn:' .. channel
local datas = prefix .. 'pd:' .. channel
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local now_text = string.format('%.0f', now)
local published = 0

local last = tonumber(redis.call('GET', prefix .. 'pb'))
-- Not with each call: writes have to reach the disk.
if not last or now < last or now - last > ttl / 6 then
  redis.call('SET', prefix .. 'pb', now_text, 'EX', 86400)
end
if last and now - last > ttl * 2 / 3 then
  redis.call('SET', prefix .. 'pg', string.format('%.0f', now + ttl), 'PX', ttl)
end
if channel == '' then
  return {}
end

local function publish(template, event, client, data)
  published = published + 1
  local fields = {
    id = 'p-' .. string.sub(redis.sha1hex(channel .. '\0' .. client .. '\0' .. event .. '\0' ..
      time[1] .. '.' .. time[2] .. '.' .. published), 1, 26),
    event = event,
    client = cjson.encode(client),
    data = data,
    now = now_text,
  }
  -- A table as replacement: its values are inserted as they are, in one pass.
  redis.call('PUBLISH', 'dw:ev:' .. channel, (string.gsub(template, '@(%l+)@', fields)))
end

local function leave(member)
  if redis.call('ZREM', expiries, member) == 0 then
    return
  end
  local client = string.sub(member, string.find(member, ' ', 1, true) + 1)
  if redis.call('HINCRBY', counts, client, -1) > 0 then
    return
  end
  local data = redis.call('HGET', datas, client) or '{}'
  redis.call('HDEL', counts, client)
  redis.call('HDEL', datas, client)
  publish(ARGV[5], 'presence:leave', client, data)
end

local function enter(kind, client, session, data)
  local member = session .. ' ' .. client
  local first = redis.call('ZADD', expiries, now + ttl, member) == 1 and
    redis.call('HINCRBY', counts, client, 1) == 1
  if first then
    redis.call('HSET', datas, client, data)
    publish(ARGV[4], 'presence:enter', client, data)
  elseif kind == 'update' or (kind == 'enter' and redis.call('HGET', datas, client) ~= data) then
    redis.call('HSET', datas, client, data)
    publish(ARGV[4], 'presence:update', client, data)
  end
end

if redis.call('EXISTS', prefix .. 'pg') == 0 then
  local expired = redis.call('ZRANGEBYSCORE', expiries, '-inf', now_text, 'LIMIT', 0, 1000)
  for _, member in ipairs(expired) do
    leave(member)
  end
end

local changes = tonumber(ARGV[6])
for i = 1, changes do
  local at = 7 + (i - 1) * 4
  if ARGV[at] == 'leave' then
    leave(ARGV[at + 2] .. ' ' .. ARGV[at + 1])
  else
    enter(ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3])
  end
end
if changes > 0 then
  for _, key in ipairs({expiries, counts, datas}) do
    redis.call('PEXPIRE', key, 2 * ttl + KEPT_MS)
  end
end

local answer = {redis.call('HLEN', datas)}
local wanted = tonumber(ARGV[3])
if wanted > 0 then
  local all = redis.call('HGETALL', datas)
  for i = 1, math.min(#all, 2 * wanted) do
    answer[i + 1] = all[i]
  end
end
return answer
