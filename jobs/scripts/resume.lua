#!lua flags=allow-oom
-- Ends a pause or unparks a lane, and puts what was set aside back in line, in pieces: called again
-- until there is no more. With foreign.lua, lanes.lua and halts.lua as
-- prefixes.
-- KEYS[1]  shard prefix "dw:{<shard>}:"
-- ARGV[1]  field of `halts`; "" to go on with a release
-- ARGV[2]  actor, ARGV[3] reason
-- ARGV[4]  most entries of the audit log; "0": no entry, another shard has it
-- ARGV[5]  audit: verb, ARGV[6] what it is about, ARGV[7] its name
-- Returns  {"resumed" or "again" (nothing was halted), "1" when there is more to release}
local field = ARGV[1]
local ended = field ~= '' and redis.call('HDEL', HALTS, field) == 1
if ended then
  local scope = string.sub(field, 1, 2)
  if scope == 'k:' then
    redis.call('HSET', HALTS, 'r', 0)
  elseif scope ~= '*' then
    release_lane(string.sub(field, 3))
  end
  if ARGV[4] ~= '0' then
    redis.call('XADD', P .. 'audit', 'MAXLEN', '~', ARGV[4], '*', 'verb', ARGV[5], ARGV[6],
      ARGV[7], 'actor', ARGV[2], 'reason', ARGV[3])
  end
end
local more = release_held()
save_counts()
if redis.call('LLEN', P .. 'ready') > 0 and not all_halted() then
  ring()
end
return {ended and 'resumed' or 'again', more and '1' or '0'}
