#!lua name=khop
-- countFriends for Redis, over the same values: a node's neighbours, each a little-endian uint32.

-- Neighbours that one call unpacks, onto a stack that is limited.
local CHUNK = 512

local function count(node, hops)
  local call = redis.call
  if hops == 1 then
    return call('STRLEN', node) / 4
  end
  local value = call('GET', node)
  if not value then
    return 0
  end
  local length = #value / 4
  local total = length
  for first = 0, length - 1, CHUNK do
    local size = math.min(CHUNK, length - first)
    local list = { struct.unpack('<' .. string.rep('I4', size), value, 4 * first + 1) }
    if hops == 2 then
      for i = 1, size do
        total = total + call('STRLEN', list[i]) / 4
      end
    else
      for i = 1, size do
        total = total + count(list[i], hops - 1)
      end
    end
  end
  return total
end

redis.register_function{
  function_name = 'countFriends',
  callback = function(keys, args)
    return count(keys[1], tonumber(args[1]))
  end,
  flags = { 'no-writes' },
}
