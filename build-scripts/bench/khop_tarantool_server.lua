-- The graph in a memtx space, and countFriends as a stored function that any client may call:
-- `tarantool khop_tarantool_server.lua PORT GRAPH FOLDER`. GRAPH is little-endian uint32 words: node, number
-- of neighbours, the neighbours; and so on. Prints "ready" once it serves, and ends with its standard input.
local ffi = require('ffi')
local fiber = require('fiber')
local socket = require('socket')

local port, graph_file, folder = arg[1], arg[2], arg[3]

box.cfg{
    listen = '127.0.0.1:' .. port,
    work_dir = folder,
    wal_mode = 'none',
    log = folder .. '/tarantool.log',
}
local space = box.schema.space.create('graph', {
    format = {{'node', 'unsigned'}, {'length', 'unsigned'}, {'neighbours', 'string'}},
})
space:create_index('primary', {type = 'hash', parts = {'node'}})
-- The stored function runs with its caller's rights.
box.schema.user.grant('guest', 'read,execute', 'universe')

local file = assert(io.open(graph_file, 'rb'))
local bytes = file:read('*a')
file:close()
local words = ffi.cast('const uint32_t *', bytes)
local at = 0
while at < #bytes / 4 do
    local length = words[at + 1]
    space:insert{words[at], length, ffi.string(words + at + 2, length * 4)}
    at = at + 2 + length
end

-- A number of friends is in its tuple as a field of its own, so that the last hop makes no string.
local index = space.index.primary
local function count(node, hops)
    local tuple = index:get(node)
    if tuple == nil then
        return 0
    end
    local total = tuple[2]
    if hops == 1 then
        return total
    end
    local neighbours = tuple[3]
    local list = ffi.cast('const uint32_t *', neighbours)
    for i = 0, total - 1 do
        total = total + count(list[i], hops - 1)
    end
    return total
end

function countFriends(node, hops)
    return count(node, hops)
end

fiber.create(function()
    while socket.iowait(0, 'R') do
        if io.read('*l') == nil then
            os.exit(0)
        end
    end
end)
print('ready')
io.flush()
