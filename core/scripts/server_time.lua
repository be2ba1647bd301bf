-- The time that counts. Not a script of its own: the first prefix of every script that asks for it.
--
-- Offers: now (server time in ms).
local TIME = redis.call('TIME')
local now = tonumber(TIME[1]) * 1000 + math.floor(tonumber(TIME[2]) / 1000)
