--- Plain TCP to loopback and HTTP over it, byte by byte, for specs that must be able to misbehave.
local ffi = require('ffi')
local bit = require('bit')

ffi.cdef([[
struct spec_sockaddr { uint16_t family; uint16_t port; uint32_t addr; char zero[8]; };
struct spec_pollfd { int fd; short events; short revents; };
int socket(int, int, int);
int connect(int, const struct spec_sockaddr *, unsigned);
int bind(int, const struct spec_sockaddr *, unsigned);
int listen(int, int);
ssize_t send(int, const void *, size_t, int);
ssize_t recv(int, void *, size_t, int);
int poll(struct spec_pollfd *, unsigned long, int);
int close(int);
int setsockopt(int, int, int, const void *, unsigned);
]])

local NOSIGNAL, POLLIN = 0x4000, 1
local M = {}

local Conn = {}
Conn.__index = Conn

local function address(port)
  return ffi.new('struct spec_sockaddr',
    { family = 2, port = bit.bor(bit.lshift(bit.band(port, 255), 8), bit.rshift(port, 8)), addr = 0x0100007f })
end

function M.connect(port)
  local fd = ffi.C.socket(2, 1, 0)
  local one = ffi.new('int[1]', 1)
  ffi.C.setsockopt(fd, 6, 1, one, 4)
  if ffi.C.connect(fd, address(port), 16) ~= 0 then
    ffi.C.close(fd)
    return nil
  end
  return setmetatable({ fd = fd, rest = '', buf = ffi.new('char[65536]') }, Conn)
end

--- A port that is taken until the answer's :close().
function M.take()
  for port = 29000, 29999 do
    local fd = ffi.C.socket(2, 1, 0)
    if ffi.C.bind(fd, address(port), 16) == 0 and ffi.C.listen(fd, 1) == 0 then
      return setmetatable({ fd = fd }, Conn), port
    end
    ffi.C.close(fd)
  end
  error('no free port')
end

function Conn:close()
  if self.fd then ffi.C.close(self.fd) end
  self.fd = nil
end

--- @return boolean sent whole
function Conn:send(bytes)
  local at = 0
  local p = ffi.cast('const char *', bytes)
  while at < #bytes do
    local n = tonumber(ffi.C.send(self.fd, p + at, #bytes - at, NOSIGNAL))
    if n <= 0 then return false end
    at = at + n
  end
  return true
end

--- More bytes; '' when the other side has closed, nil when nothing came in time.
function Conn:more(ms)
  local fd = ffi.new('struct spec_pollfd', { fd = self.fd, events = POLLIN })
  if ffi.C.poll(fd, 1, ms or 60000) <= 0 then return nil end
  local n = tonumber(ffi.C.recv(self.fd, self.buf, 65536, 0))
  return n > 0 and ffi.string(self.buf, n) or ''
end

function Conn:until_(done, ms)
  while true do
    local answer = done(self.rest)
    if answer then return answer end
    local part = self:more(ms)
    if not part then return nil, 'timeout' end
    if part == '' then return nil, 'closed' end
    self.rest = self.rest .. part
  end
end

--- Reads one response; nil and why ("closed", "timeout") when there is none.
function Conn:response(o)
  o = o or {}
  local head, why = self:until_(function(text)
    local stop = text:find('\r\n\r\n', 1, true)
    return stop and text:sub(1, stop + 3)
  end, o.ms)
  if not head then return nil, why end
  self.rest = self.rest:sub(#head + 1)
  local r = { status = tonumber(head:match('^HTTP/1%.1 (%d+)')), headers = {}, head = head }
  for name, value in head:gmatch('\r\n([^:\r\n]+):[ \t]*([^\r\n]*)') do r.headers[name:lower()] = value end
  if r.status == 100 then return self:response(o) end
  local length = o.head and 0 or tonumber(r.headers['content-length'] or 0)
  local body, cut = self:until_(function(text) return #text >= length and text:sub(1, length) end, o.ms)
  if not body then return nil, cut end
  self.rest = self.rest:sub(length + 1)
  r.body = body
  return r
end

--- The bytes of a request. `o` has method, headers = {name = value}, body.
function M.request(path, o)
  o = o or {}
  local lines = { ('%s %s HTTP/1.1'):format(o.method or (o.body and 'POST' or 'GET'), path), 'Host: x' }
  for name, value in pairs(o.headers or {}) do lines[#lines + 1] = name .. ': ' .. value end
  if o.body then lines[#lines + 1] = 'Content-Length: ' .. #o.body end
  return table.concat(lines, '\r\n') .. '\r\n\r\n' .. (o.body or '')
end

function Conn:ask(path, o)
  self:send(M.request(path, o))
  return self:response({ head = o and o.method == 'HEAD', ms = o and o.ms })
end

return M
