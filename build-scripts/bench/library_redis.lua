#!lua name=library
-- What `bench library` calls in Redis where one command does not do it: the scripts in use for it, as functions.

local function now()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

local function register(name, callback)
  redis.register_function(name, callback)
end

register('jsonSetAt', function(keys, args)
  local document = cjson.decode(redis.call('GET', keys[1]))
  document.items[args[1] + 1].count = tonumber(args[2])
  redis.call('SET', keys[1], cjson.encode(document))
  return 1
end)

register('jsonGetAt', function(keys, args)
  return cjson.decode(redis.call('GET', keys[1])).items[args[1] + 1].count
end)

register('jsonUpdate', function(keys)
  local document = cjson.decode(redis.call('GET', keys[1]))
  local total = 0
  for _, item in ipairs(document.items) do
    total = total + item.count * item.price
  end
  document.total = total
  redis.call('SET', keys[1], cjson.encode(document))
  return total
end)

register('textReplaceIf', function(keys, args)
  if redis.call('GET', keys[1]) ~= args[1] then
    return 0
  end
  redis.call('SET', keys[1], args[2], 'KEEPTTL')
  return 1
end)

register('recordTotal', function(keys, args)
  local total = 0
  for i = args[1], args[1] + args[2] - 1 do
    local item = redis.call('HMGET', keys[1] .. i, 'quantity', 'price')
    total = total + (item[1] or 0) * (item[2] or 0)
  end
  return string.format('%.17g', total)
end)

register('queueEnqueue', function(keys, args)
  local name = keys[1]
  local id = redis.call('INCR', name .. ':id')
  redis.call('HSET', name .. ':bodies', id, args[1])
  redis.call('RPUSH', name .. ':ready', id)
  return 1
end)

-- Whose time is over goes back, as in the queues that are built on lists.
register('queuePoll', function(keys, args)
  local name = keys[1]
  local time = now()
  local over = redis.call('ZRANGEBYSCORE', name .. ':taken', '-inf', time, 'LIMIT', 0, 100)
  for _, id in ipairs(over) do
    redis.call('ZREM', name .. ':taken', id)
    redis.call('RPUSH', name .. ':ready', id)
  end
  local found = {}
  for _, id in ipairs(redis.call('LPOP', name .. ':ready', args[1]) or {}) do
    redis.call('ZADD', name .. ':taken', time + args[2], id)
    found[#found + 1] = id
    found[#found + 1] = redis.call('HGET', name .. ':bodies', id)
  end
  return found
end)

register('queueAcknowledge', function(keys, args)
  local name = keys[1]
  local removed = 0
  for _, id in ipairs(args) do
    removed = removed + redis.call('ZREM', name .. ':taken', id)
    redis.call('HDEL', name .. ':bodies', id)
  end
  return removed
end)

register('rateFixed', function(keys, args)
  local limit = tonumber(args[1])
  local count = redis.call('INCR', keys[1])
  if count == 1 then
    redis.call('PEXPIRE', keys[1], args[2])
  end
  return { count <= limit and 1 or 0, math.max(0, limit - count) }
end)

register('rateLog', function(keys, args)
  local limit = tonumber(args[1])
  local time = now()
  redis.call('ZREMRANGEBYSCORE', keys[1], '-inf', time - args[2])
  local count = redis.call('ZCARD', keys[1])
  if count >= limit then
    return { 0, 0 }
  end
  -- Members must differ where times do not: nothing is taken out but the oldest.
  redis.call('ZADD', keys[1], time, time .. ':' .. count)
  redis.call('PEXPIRE', keys[1], args[2])
  return { 1, limit - count - 1 }
end)

register('lockRelease', function(keys, args)
  if redis.call('GET', keys[1]) == args[1] then
    return redis.call('DEL', keys[1])
  end
  return 0
end)

register('graphLink', function(keys, args)
  local added = redis.call('SADD', keys[1] .. ':' .. args[1], args[2])
  redis.call('SADD', keys[1] .. ':' .. args[2], args[1])
  return added
end)

register('graphReach', function(keys, args)
  local prefix = keys[1] .. ':'
  local seen = { [args[1]] = true }
  local level = { args[1] }
  local count = 0
  for _ = 1, args[2] do
    local following = {}
    for _, node in ipairs(level) do
      for _, neighbour in ipairs(redis.call('SMEMBERS', prefix .. node)) do
        if not seen[neighbour] then
          seen[neighbour] = true
          count = count + 1
          following[#following + 1] = neighbour
        end
      end
    end
    level = following
  end
  return count
end)

register('streamWindow', function(keys, args)
  local count, sum, least, greatest = 0, 0, math.huge, -math.huge
  for _, entry in ipairs(redis.call('XRANGE', keys[1], args[1], '+')) do
    local value = tonumber(entry[2][2])
    count = count + 1
    sum = sum + value
    least = math.min(least, value)
    greatest = math.max(greatest, value)
  end
  return { count, sum, least, greatest }
end)

register('matrixNearest', function(keys, args)
  local rows, columns, count = tonumber(args[1]), tonumber(args[2]), tonumber(args[4])
  local format = '<' .. string.rep('f', columns)
  local vector = { struct.unpack(format, args[3]) }
  local names = {}
  for row = 0, rows - 1 do
    names[row + 1] = keys[1] .. ':' .. row
  end
  local scored = {}
  for index, value in ipairs(redis.call('MGET', unpack(names))) do
    local elements = { struct.unpack(format, value) }
    local score = 0
    for i = 1, columns do
      score = score + elements[i] * vector[i]
    end
    scored[index] = { index - 1, score }
  end
  table.sort(scored, function(a, b)
    return a[2] > b[2] or (a[2] == b[2] and a[1] < b[1])
  end)
  local found = {}
  for i = 1, math.min(count, #scored) do
    found[#found + 1] = scored[i][1]
    found[#found + 1] = scored[i][2]
  end
  return found
end)
