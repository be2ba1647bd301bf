#!lua flags=allow-oom
-- Checks that what a set of finished jobs names is such a job. With foreign.lua, server_time.lua and
-- lanes.lua as prefixes.
-- KEYS[1]  shard prefix "dw:{<shard>}:"
-- ARGV[1]  "1": repair
-- ARGV[2]  done, dead or cancelled, ARGV[3] the state letter of its jobs
-- ARGV[4..] job ids
-- Returns  {job, what is wrong, "1" when it can be repaired, job, …}
local findings = {}
for i = 4, #ARGV do
  local id = ARGV[i]
  if look('HGET', P .. 'j:' .. id, 's') ~= ARGV[3] and
      redis.call('ZSCORE', P .. ARGV[2], id) then
    findings[#findings + 1] = id
    findings[#findings + 1] = 'is named in ' .. ARGV[2] .. ' but is no such job'
    findings[#findings + 1] = '1'
    if ARGV[1] == '1' then
      redis.call('ZREM', P .. ARGV[2], id)
    end
  end
end
return findings
