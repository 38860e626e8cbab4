--- Stores as Lua objects, for specs: keys and values are strings, times are Lua numbers.
local ffi = require('ffi')
local cdef = require('spec.support.cdef')

local C = cdef.load('kv/kv.h')
local M = { C = C }
local check = cdef.check

M.ALL = -0x8000000000000000LL

local Store = {}
Store.__index = Store

local function int64(x) return x and ffi.cast('int64_t', x) or M.ALL end

--- @return table store, or nil and the message
function M.try_open(url, create)
  local out, err = ffi.new('struct kv_store *[1]'), ffi.new('struct chn_err')
  if C.kv_open(out, url, create ~= false, err) ~= 0 then return nil, ffi.string(err.msg), tonumber(err.code) end
  return setmetatable({ ptr = out[0], names = {} }, Store)
end

function M.open(url, create)
  local store, why = M.try_open(url, create)
  if not store then error(why, 2) end
  return store
end

function Store:close()
  if self.reader then C.kv_reader_close(self.reader) end
  C.kv_close(self.ptr)
  self.ptr, self.reader = nil, nil
end

function Store:ping() check(C.kv_ping, self.ptr) end

function Store:dataset(name)
  if not self.names[name] then
    local out = ffi.new('int32_t[1]')
    check(C.kv_dataset, self.ptr, name, out)
    self.names[name] = out[0]
  end
  return self.names[name]
end

function Store:create(name) check(C.kv_create, self.ptr, self:dataset(name)) end

--- @return table<string, table> by name
function Store:list()
  local list, count = ffi.new('struct kv_info *[1]'), ffi.new('size_t[1]')
  check(C.kv_list, self.ptr, list, count)
  local out = {}
  for i = 0, tonumber(count[0]) - 1 do
    local info = list[0][i]
    out[ffi.string(info.name)] = {
      versions = tonumber(info.versions),
      bytes = tonumber(info.bytes),
      version_ts = tonumber(info.version_ts),
      switched_ms = tonumber(info.switched_ms),
      loading = info.loading,
    }
  end
  C.kv_list_free(list[0])
  return out
end

function Store:read(f)
  if not self.reader then
    local out = ffi.new('struct kv_reader *[1]')
    check(C.kv_reader_open, out, self.ptr)
    self.reader = out[0]
  end
  check(C.kv_read_begin, self.reader)
  local ok, a, b, c = pcall(f, self.reader)
  C.kv_read_end(self.reader)
  if not ok then error(a, 0) end
  return a, b, c
end

--- @return string? value of the newest version, or nil
function Store:newest(dataset, key)
  self:read(function() end)
  local get = ffi.new('struct kv_get', { dataset = self:dataset(dataset), key_len = #key, after_ts = M.ALL })
  local a = ffi.gc(ffi.new('struct arena'), C.arena_deinit)
  local bytes, len = ffi.new('const char *[1]'), ffi.new('size_t[1]')
  get.key = key
  check(C.kv_read_newest, self.reader, get, a, bytes, len)
  return bytes[0] ~= nil and ffi.string(bytes[0], len[0]) or nil
end

local function gets_of(store, wanted)
  local gets = ffi.new('struct kv_get[?]', #wanted + 1)
  for i, w in ipairs(wanted) do
    gets[i - 1].dataset = store:dataset(w[1])
    gets[i - 1].key, gets[i - 1].key_len = w[2], #w[2]
    gets[i - 1].after_ts = int64(w[3])
  end
  return gets
end

local function answers_of(reader, gets, count)
  check(C.kv_read, reader, gets, count)
  local out = {}
  for i = 1, count do
    out[i] = {}
    for v = 0, tonumber(gets[i - 1].count) - 1 do
      local version = gets[i - 1].versions[v]
      out[i][v + 1] = { tonumber(version.ts), ffi.string(version.data, version.len) }
    end
  end
  return out
end

--- @param wanted table[] {dataset, key, after_ts?}
--- @return table[][] for each, {ts, value} ascending
function Store:gets(wanted)
  local gets = gets_of(self, wanted)
  return self:read(function(reader) return answers_of(reader, gets, #wanted) end)
end

--- What is needed to ask later whether these gets would be answered otherwise.
--- @return table {snapshot = number, answers = as of Store:gets, ...}
function Store:remember(wanted)
  local gets, watches = gets_of(self, wanted), ffi.new('uint32_t[?]', #wanted + 1)
  return self:read(function(reader)
    local answers = answers_of(reader, gets, #wanted)
    for i = 0, #wanted - 1 do watches[i] = C.kv_watch(gets[i]) end
    return {
      wanted = wanted,
      answers = answers,
      snapshot = tonumber(C.kv_read_snapshot(reader)),
      watches = watches,
    }
  end)
end

--- @return boolean, table, number kv_unchanged, what the gets are answered in the same read, its snapshot
function Store:unchanged(memory)
  local gets = gets_of(self, memory.wanted)
  return self:read(function(reader)
    local same = C.kv_unchanged(reader, memory.snapshot, memory.watches, #memory.wanted)
    return same, answers_of(reader, gets, #memory.wanted), tonumber(C.kv_read_snapshot(reader))
  end)
end

function Store:get(dataset, key, after) return self:gets({ { dataset, key, after } })[1] end

--- The number of the generation that answers for a dataset, the same in each of `n` gets of one read.
function Store:generation(name, n)
  local gets = ffi.new('struct kv_get[?]', n or 1)
  for i = 0, (n or 1) - 1 do
    gets[i].dataset, gets[i].key, gets[i].key_len = self:dataset(name), 'k' .. i, 2
    gets[i].generation = 77
  end
  return self:read(function(reader)
    check(C.kv_read, reader, gets, n or 1)
    for i = 1, (n or 1) - 1 do assert(gets[i].generation == gets[0].generation) end
    return tonumber(gets[0].generation)
  end)
end

function Store:mark(name)
  return self:read(function(reader)
    local data, len = ffi.new('const void *[1]'), ffi.new('size_t[1]')
    check(C.kv_read_mark, reader, name, data, len)
    return data[0] ~= nil and ffi.string(data[0], len[0]) or nil
  end)
end

--- @param puts table[] {dataset, key, value, ts?, replace = bool?, append = bool?}
--- @param marks? table[] {name, value, expect = string|false?}  expect: only if it is that now (false: unset)
function Store:commit(puts, marks)
  marks = marks or {}
  local p, m = ffi.new('struct kv_put[?]', #puts + 1), ffi.new('struct kv_mark[?]', #marks + 1)
  for i, put in ipairs(puts) do
    local q = p[i - 1]
    q.dataset = self:dataset(put[1])
    q.key, q.key_len, q.value, q.value_len = put[2], #put[2], put[3], #put[3]
    q.ts, q.replace, q.append = int64(put[4]), put.replace or false, put.append or false
  end
  for i, mark in ipairs(marks) do
    local q = m[i - 1]
    q.name, q.data, q.len, q.fenced = mark[1], mark[2], #mark[2], mark.expect ~= nil
    if mark.expect then q.expect, q.expect_len = mark.expect, #mark.expect end
  end
  check(C.kv_commit, self.ptr, p, #puts, m, #marks)
end

function Store:put(dataset, key, value, ts) self:commit({ { dataset, key, value, ts } }) end

function Store:expire(dataset, before)
  local removed = ffi.new('int64_t[1]')
  check(C.kv_expire, self.ptr, self:dataset(dataset), before, removed)
  return tonumber(removed[0])
end

local Load = {}
Load.__index = Load

function Store:load(dataset, ts)
  local out = ffi.new('struct kv_load *[1]')
  check(C.kv_load_begin, out, self.ptr, self:dataset(dataset), ts)
  return setmetatable({ ptr = out[0] }, Load)
end

function Load:add(key, value) check(C.kv_load_add, self.ptr, key, #key, value, #value) end
function Load:commit() check(C.kv_load_commit, self.ptr) end
function Load:abort() C.kv_load_abort(self.ptr) end

--- A whole load of {key = value}.
function Store:bulk(dataset, ts, rows)
  local load = self:load(dataset, ts)
  for key, value in pairs(rows) do load:add(key, value) end
  load:commit()
end

--- @return table[] {key, ts, value}, and the token where it stopped
function Store:scan(dataset, prefix, max, token)
  prefix = prefix or ''
  return self:read(function(reader)
    local out = ffi.new('struct kv_scan *[1]')
    check(C.kv_scan_open, out, reader, self:dataset(dataset), prefix, #prefix, token)
    local items, item, found = {}, ffi.new('struct kv_item'), ffi.new('bool[1]')
    while #items < (max or math.huge) do
      check(C.kv_scan_next, out[0], item, found)
      if not found[0] then break end
      items[#items + 1] = {
        ffi.string(item.key, item.key_len),
        tonumber(item.version.ts),
        ffi.string(item.version.data, item.version.len),
      }
    end
    local at = ffi.string(C.kv_scan_token(out[0]))
    C.kv_scan_close(out[0])
    return items, at
  end)
end

return M
