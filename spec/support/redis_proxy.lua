--- A proxy before a redis-server that loses replies: `luajit redis_proxy.lua FILE PORT SEED`; the file
--- is told its own port, PORT is the server's,
--- until it is killed. Of the transactions it passes, some are carried out and their reply is lost,
--- some are never passed on; both look alike to the client, whose connection ends.
package.path = './?.lua;./?/init.lua;' .. package.path
local ffi = require('ffi')
local socket = require('spec.support.socket')

ffi.cdef('int accept(int, void *, void *);')

local server_port, state = tonumber(arg[2]), tonumber(arg[3]) % 2147483646 + 1

local function chance(n)
  state = state * 48271 % 2147483647
  return state % 100 < n
end

local taken, own_port = socket.take()
local listener = taken.fd
local pairs_of = {} -- fd -> { other = fd, server = is it the server's side }
local buf = ffi.new('char[1048576]')

local function drop(fd)
  local at = pairs_of[fd]
  for _, f in ipairs({ fd, at.other }) do
    ffi.C.close(f)
    pairs_of[f] = nil
  end
end

local function send_all(fd, n)
  local at = 0
  while at < n do
    local sent = tonumber(ffi.C.send(fd, buf + at, n - at, 0x4000))
    if sent <= 0 then return false end
    at = at + sent
  end
  return true
end

local function pass(fd)
  local at = pairs_of[fd]
  local n = tonumber(ffi.C.recv(fd, buf, 1048576, 0))
  if n <= 0 then return drop(fd) end
  local is_exec = not at.server and ffi.string(buf, n):find('EXEC\r\n', 1, true)
  if is_exec and chance(10) then return drop(fd) end
  if not send_all(at.other, n) then return drop(fd) end
  if is_exec and chance(25) then
    ffi.C.recv(at.other, buf, 1048576, 0) -- it has been carried out
    drop(fd)
  end
end

local file = assert(io.open(arg[1], 'w'))
file:write(own_port)
file:close()
while true do
  local fds, list = ffi.new('struct spec_pollfd[256]'), { listener }
  for fd in pairs(pairs_of) do list[#list + 1] = fd end
  for i, fd in ipairs(list) do
    fds[i - 1].fd, fds[i - 1].events = fd, 1
  end
  ffi.C.poll(fds, #list, -1)
  for i, fd in ipairs(list) do
    if fds[i - 1].revents ~= 0 then
      if fd == listener then
        local client, server = ffi.C.accept(listener, nil, nil), socket.connect(server_port)
        if server then
          pairs_of[client] = { other = server.fd, server = false }
          pairs_of[server.fd] = { other = client, server = true }
        else
          ffi.C.close(client)
        end
      elseif pairs_of[fd] then
        pass(fd)
      end
    end
  end
end
