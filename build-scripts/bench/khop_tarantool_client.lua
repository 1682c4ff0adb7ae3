-- Calls countFriends through Tarantool's own client: `tarantool khop_tarantool_client.lua PORT`. Answers each
-- line "NODE HOPS CALLS" with "COUNT NANOSECONDS": of so many calls, one behind the other, each on average, the round
-- trip included.
local clock = require('clock')
local netbox = require('net.box')

local connection = netbox.connect('127.0.0.1:' .. arg[1])
for line in io.lines() do
    local node, hops, calls = line:match('^(%d+) (%d+) (%d+)$')
    local arguments = {tonumber(node), tonumber(hops)}
    local count
    local start = clock.monotonic64()
    for _ = 1, tonumber(calls) do
        count = connection:call('countFriends', arguments)
    end
    local elapsed = clock.monotonic64() - start
    print(string.format('%d %d', count, tonumber(elapsed) / tonumber(calls)))
    io.flush()
end
os.exit(0)
