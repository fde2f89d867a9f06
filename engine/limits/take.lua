-- As the function nexus.take_events in PostgreSQL: a hash of slices of time, by their ends in microseconds, with how often it
-- happened in each.
local events, per, wanted, spare = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local forced, back_at, back_n = tonumber(ARGV[5]), ARGV[6], tonumber(ARGV[7])
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local width = math.max(math.floor(per / 128), 1)

if back_n > 0 and redis.call('HEXISTS', KEYS[1], back_at) == 1 then
  redis.call('HINCRBY', KEYS[1], back_at, -back_n)
end
local used, first, last = 0, nil, 0
local all = redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
  local at, n = tonumber(all[i]), tonumber(all[i + 1])
  if at <= now - per or n <= 0 then
    redis.call('HDEL', KEYS[1], all[i])
  else
    used = used + n
    if not first or at < first then first = at end
    if at > last then last = at end
  end
end

local room = math.max(events - used - forced, 0)
local advance = 0
if spare > 0 then advance = math.floor(room / 8) end
local granted = math.min(room, math.max(wanted, advance))
local ahead = 0
if granted > wanted then ahead = spare end
local slice = (math.floor((now + ahead) / width) + 1) * width
if granted + forced > 0 then
  if last >= slice then slice = last end
  redis.call('HINCRBY', KEYS[1], string.format('%.0f', slice), granted + forced)
  if not first then first = slice end
  redis.call('PEXPIRE', KEYS[1], math.ceil((slice + per - now) / 1000) + 1000)
end
local retry_after = 0
if room == 0 and first then retry_after = first + per - now end
return { granted, slice, retry_after, room - granted }
