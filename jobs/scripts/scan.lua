#!lua flags=no-writes
-- A page of a shard's finished jobs that fit a filter, last finished first. The cursor is a job, not
-- a count, so that jobs which come and go between two pages neither hide others nor show twice.
-- With foreign.lua and lanes.lua as prefixes.
-- KEYS[1]  shard prefix "dw:{<shard>}:"
-- ARGV[1]  dead, done or cancelled
-- ARGV[2]  cursor: time, "+inf" at the beginning; ARGV[3] job id, "" at the beginning
-- ARGV[4]  most jobs looked at, ARGV[5] most jobs returned
-- ARGV[6]  kind, ARGV[7] lane, ARGV[8] error code; each "" for any
-- ARGV[9]  created at or after this time in ms, ARGV[10] before this one
-- Returns  {next cursor's time, "" at the end, its job id, {{id, HGETALL of the job}, ...}}
local PAGE = 100
local set, from, after = P .. ARGV[1], ARGV[2], ARGV[3]
local budget, limit = tonumber(ARGV[4]), tonumber(ARGV[5])
local kind, lane, code = ARGV[6], ARGV[7], ARGV[8]
local since, before = tonumber(ARGV[9]), tonumber(ARGV[10])
local found, looked, offset = {}, 0, 0

local function look_at(id)
  local job = redis.call('HMGET', P .. 'j:' .. id, 's', 'k', 'l', 'err', 't')
  local created = tonumber(job[5] or 0) or 0
  if job[1] and (kind == '' or job[2] == kind) and (lane == '' or job[3] == lane) and
      (code == '' or job[4] == code) and created >= since and created < before then
    found[#found + 1] = {id, redis.call('HGETALL', P .. 'j:' .. id)}
  end
end

while true do
  local page = redis.call('ZREVRANGEBYSCORE', set, from, '-inf', 'WITHSCORES', 'LIMIT', offset, PAGE)
  if #page == 0 then
    return {'', '', found}
  end
  for i = 1, #page, 2 do
    local id, at = page[i], page[i + 1]
    offset = offset + 1
    if after == '' or at ~= from or id < after then
      looked = looked + 1
      look_at(id)
      if looked >= budget or #found >= limit then
        return {at, id, found}
      end
    end
  end
end
