-- Calls countFriends through Tarantool's own client: `tarantool khop_tarantool_client.lua PORT`. Answers each
-- line "NODE HOPS" with "COUNT NANOSECONDS", the round trip included.
local clock = require('clock')
local netbox = require('net.box')

local connection = netbox.connect('127.0.0.1:' .. arg[1])
for line in io.lines() do
    local node, hops = line:match('^(%d+) (%d+)$')
    local arguments = {tonumber(node), tonumber(hops)}
    local start = clock.monotonic64()
    local count = connection:call('countFriends', arguments)
    local elapsed = clock.monotonic64() - start
    print(string.format('%d %d', count, tonumber(elapsed)))
    io.flush()
end
os.exit(0)
