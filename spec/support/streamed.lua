--- GroupBys with an upload, to stream on top of: what specs of `run --mode streaming` and
--- local-streaming share. Events have uid, i and ts; the upload is until 2024-03-11.
local json = require('dkjson')
local program = require('spec.support.program')
local repo = require('spec.support.batch_repo')

local M = {}
M.__index = M

M.ms = repo.ms

--- @param name string of the GroupBy
--- @param more? table further members
--- @param tiled? boolean
function M.group_by(name, more, tiled)
  local conf = {
    metaData = { name = name, team = 'shop', online = 1, customJson = tiled and '{"enable_tiling": true}' or nil },
    sources = { { events = { table = 'data.events', topic = 'events/host=localhost/port=1', query = {
      selects = { uid = 'uid', i = 'i' }, timeColumn = 'ts', setups = {} } } } },
    keyColumns = { 'uid' }, accuracy = 0,
    aggregations = {
      { inputColumn = 'i', operation = 7, windows = { { length = 1, timeUnit = 0 }, { length = 7, timeUnit = 1 } } },
      { inputColumn = 'i', operation = 6, windows = { { length = 7, timeUnit = 1 } } },
    },
  }
  for k, v in pairs(more or {}) do conf[k] = v end
  return conf
end

--- A repo with an empty store; each of `confs` (by file name) is uploaded.
function M.new(confs, url)
  local self = setmetatable({ repo = repo.new() }, M)
  self.folder = self.repo.folder
  self.url = url or ('lmdb:' .. self.folder .. '/kv')
  self:events({ { 'a', 1, M.ms('2024-03-10 12:00:00') }, { 'b', 2, M.ms('2024-03-10 23:30:00') } })
  for name, conf in pairs(confs) do
    self.repo:conf(name, conf)
    self:upload(name, '2024-03-10')
  end
  return self
end

function M:remove() self.repo:remove() end

--- The table that uploads read: { uid, i, ts } each, in the partition of its day.
function M:events(list)
  local rows = {}
  for i, e in ipairs(list) do
    rows[i] = { e[1], e[2], e[3], os.date('!%Y-%m-%d', math.floor(e[3] / 1000)) }
  end
  self.repo:table('data.events', repo.values('uid VARCHAR, i BIGINT, ts BIGINT, ds VARCHAR', rows), 'ds')
end

function M:upload(name, ds) return self.repo:succeed('upload', name, ds, { '--store', self.url }) end

function M.line(uid, i, at)
  return ('{"uid": %s, "i": %s, "ts": %s}\n'):format(json.encode(uid), i, type(at) == 'string' and M.ms(at) or at)
end

--- Writes the folder's file `name` of { uid, i, at } each, and gives its path.
function M:input(name, list)
  local lines = {}
  for i, e in ipairs(list) do lines[i] = type(e) == 'string' and e .. '\n' or M.line(e[1], e[2], e[3]) end
  local path = self.folder .. '/' .. name
  program.write(path, table.concat(lines))
  return path
end

--- The words of `chronon run` for a stream of confs "A,B".
function M:words(mode, confs, more)
  local names = {}
  for name in confs:gmatch('[^,]+') do names[#names + 1] = self.folder .. '/production/' .. name end
  local words = { 'run', '--mode', mode, '--conf', table.concat(names, ','), '--repo', self.folder, '--warehouse',
    self.repo.warehouse, '--store', self.url }
  for _, word in ipairs(more or {}) do words[#words + 1] = word end
  return words
end

--- Streams a file to its end.
function M:local_stream(confs, input, more)
  local words = self:words('local-streaming', confs, { '--input', input })
  for _, word in ipairs(more or {}) do words[#words + 1] = word end
  return program.run(words)
end

--- Values of a key at an instant, by feature; nil where the key is not known.
function M:fetch(name, uid, at)
  local r = program.run({ 'fetch', name, 'uid=' .. uid, '--type', 'group-by', '--store', self.url, '--repo', self.folder,
    '--at-millis', ('%.0f'):format(type(at) == 'string' and M.ms(at) or at), '-o', 'json', '-q' })
  if r.code ~= 0 then error(r.err, 2) end
  return (json.decode(r.out))
end

-- ---- a stream in the background -----------------------------------------------------------------

local Running = {}
Running.__index = Running

local function text_of(path)
  local f = io.open(path, 'rb')
  if not f then return '' end
  local text = f:read('*a')
  f:close()
  return text
end

--- Asks until it is so, at most `seconds`: a minute, unless nothing is to come, as a busy machine is slow.
function M.wait_for(what, seconds)
  for _ = 1, (seconds or 60) * 50 do
    local answer = what()
    if answer then return answer end
    os.execute('sleep 0.02')
  end
end

function M.start(_, words)
  local run = setmetatable({ folder = program.folder() }, Running)
  local quoted = { program.quote(program.bin) }
  for _, word in ipairs(words) do quoted[#quoted + 1] = program.quote(word) end
  local f = run.folder
  -- exec: the pid is that of the program.
  program.shell(([[{ sh -c 'echo $$ >%s/pid; exec "$0" "$@"' %s >%s/out 2>%s/err </dev/null; echo $? >%s/code; } &]])
    :format(f, table.concat(quoted, ' '), f, f, f))
  run.pid = assert(M.wait_for(function() return tonumber(text_of(f .. '/pid'):match('(%d+)\n')) end))
  return run
end

function Running:out() return text_of(self.folder .. '/out') end
function Running:err() return text_of(self.folder .. '/err') end
function Running:code() return tonumber((text_of(self.folder .. '/code'):match('(%d+)\n'))) end
function Running:signal(name)
  if name == 'TERM' or name == 'INT' then program.wait_for_handlers(self.pid) end
  program.shell(('kill -%s %d 2>/dev/null'):format(name, self.pid))
end
function Running:ended(seconds) return M.wait_for(function() return self:code() end, seconds) end

--- Ends it if it runs, and forgets it.
function Running:stop()
  if self.stopped then return end
  self.stopped = true
  if not self:code() then
    self:signal('TERM')
    if not self:ended(30) then
      self:signal('KILL')
      self:ended()
    end
  end
  program.remove(self.folder)
end

return M
