-- Reading a channel's log in bounded bites. A prefix for read_after.lua and history.lua.
--   log_page(command, key, first, last, limit, max_bytes)
--       command XRANGE or XREVRANGE, bounds as that command takes them
--       returns a flat list {offset, event id, envelope, ...} in that order, and whether more
--       entries lie behind it. It holds at most `limit` entries and about `max_bytes` of text.

-- Bites, because a thousand entries of 150 KB must never be in Redis' memory at once.
local LOG_BITE = 64

local function log_page(command, key, first, last, limit, max_bytes)
  local page, entries, bytes = {}, 0, 0
  while true do
    local wanted = math.min(LOG_BITE, limit - entries + 1)
    local bite = redis.call(command, key, first, last, 'COUNT', wanted)
    for _, entry in ipairs(bite) do
      local fields = entry[2]
      if entries >= limit or (bytes > 0 and bytes + #fields[2] > max_bytes) then
        return page, true
      end
      page[#page + 1] = string.match(entry[1], '^%d+')
      page[#page + 1] = fields[4]
      page[#page + 1] = fields[2]
      entries = entries + 1
      bytes = bytes + #fields[2]
    end
    if #bite < wanted then
      return page, false
    end
    first = '(' .. bite[#bite][1]
  end
end
