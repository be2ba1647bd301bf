-- Keys of a wrong type: for scripts that operators run. Not a script of its own; comes first of all
-- prefixes. What one key breaks is told with its name instead of a line of Lua: the error code
-- FOREIGN (core/redis/reply_error.cc).
--
-- Offers: redis.call that does so, and look, which passes over such a key.
local HOLDS = {hash = 'a hash', list = 'a list', set = 'a set', stream = 'a stream',
  string = 'a string', zset = 'a sorted set'}

local function foreign(key, wanted)
  local type = redis.call('TYPE', key).ok
  return string.format('key %s holds %s, %s was expected', key, HOLDS[type] or type, wanted)
end

-- Answers as redis.call does, but false for a key of a wrong type: fsck_keys.lua tells of it.
local function look(...)
  local reply = redis.pcall(...)
  if type(reply) == 'table' and reply.err then
    if string.sub(reply.err, 1, 9) == 'WRONGTYPE' then
      return false
    end
    error(reply)
  end
  return reply
end

-- Commands begin with the letter of the type that they are for.
local OF_COMMAND = {H = 'a hash', L = 'a list', R = 'a list', X = 'a stream', Z = 'a sorted set'}

local redis = setmetatable({
  call = function(...)
    local reply = redis.pcall(...)
    if type(reply) == 'table' and reply.err then
      if string.sub(reply.err, 1, 9) == 'WRONGTYPE' then
        local command, key = ...
        local wanted = OF_COMMAND[string.sub(command, 1, 1)] or 'a string'
        error({err = 'FOREIGN ' .. foreign(key, wanted) .. '; run `deskwire jobs fsck`'})
      end
      error(reply)
    end
    return reply
  end
}, {__index = redis})
