--- A store with the objects of the specification's record of Chronon's own server (spec/06 §10): GroupBys gs.v1
--- (SNAPSHOT) and gt.v1 (TEMPORAL), joins j1.v1 of both and j2.v1 with a part that was never uploaded; a GroupBy of
--- another team; and at.v1, whose sum grows from 1 to 11 a second after the upload's end.
local fetch = require('spec.support.fetch')
local kv = require('spec.support.kv')
local online = require('spec.support.online')
local program = require('spec.support.program')

local HOUR = 3600000
local M = {}

local DEFS = { { 'v', 'SUM', windows = { '7d' } }, { 'v', 'AVERAGE' }, { 'v', 'LAST_K', args = { k = 2 } } }
local OUTPUT = { { 'v_sum_7d', 'long' }, { 'v_average', 'double' }, { 'v_last2', 'list<long>' } }

--- The end of yesterday's upload, UTC.
function M.stop() return math.floor(os.time() / 86400) * 86400000 end

function M.group_by(store, name, o)
  o.name, o.fields, o.stop = name, o.fields or { { 'v', 'long' } }, o.stop or M.stop()
  o.defs, o.keys = o.defs or DEFS, o.keys or { { 'uid', 'long' } }
  return online.new(store, o)
end

local function fill(self)
  local store = kv.open(self.url)
  local null = require('spec.support.cols').null
  local gs = M.group_by(store, 'team.gs.v1', { snapshot = true })
  gs:value({ uid = 1LL }, OUTPUT, { v_sum_7d = 8LL, v_average = 4, v_last2 = { 5LL, 3LL } })
  gs:value({ uid = 2LL }, OUTPUT, { v_sum_7d = null, v_average = null, v_last2 = null })
  gs:save()
  local gt = M.group_by(store, 'team.gt.v1', {})
  gt:batch({ uid = 1LL }, { { ts = self.stop - 2 * HOUR, v = 3LL }, { ts = self.stop - HOUR, v = 5LL } })
  gt:save()
  local missing = M.group_by(fetch.store(), 'team.gmissing.v1', {})
  online.join(store, 'team.j1.v1', { { gs }, { gt } })
  online.join(store, 'team.j2.v1', { { missing }, { gt } })
  local other = M.group_by(store, 'team_x.secret.v1', { defs = { { 'v', 'SUM' } } })
  other:batch({ uid = 1LL }, { { ts = self.stop - HOUR, v = 42LL } })
  other:save()
  local at = M.group_by(store, 'team.at.v1', { defs = { { 'v', 'SUM' } } })
  at:batch({ uid = 1LL }, { { ts = self.stop - HOUR, v = 1LL } })
  at:stream({ uid = 1LL }, { { ts = self.stop + 1000, v = 10LL } })
  at:save()
  store:close()
end

--- @param url? string a new LMDB folder by default
--- @return table { url, folder, stop, add = f(name, o), remove = f() }
function M.new(url)
  local self = { folder = program.folder(), stop = M.stop() }
  self.url = url or 'lmdb:' .. self.folder .. '/kv'
  function self.fill() fill(self) end
  self.fill()
  function self.remove() program.remove(self.folder) end
  --- Uploads gt.v1 anew, with another value.
  function self.upload(value, defs)
    local again = kv.open(self.url)
    local fresh = M.group_by(again, 'team.gt.v1', { defs = defs })
    fresh:batch({ uid = 1LL }, { { ts = self.stop - HOUR, v = value } })
    fresh:save()
    again:close()
  end
  --- Writes a value of gs.v1 that is no Avro record of its schema.
  function self.spoil()
    local again = kv.open(self.url)
    local gs = M.group_by(again, 'team.gs.v1', { snapshot = true })
    gs.values[gs:key_bytes({ uid = 1LL })] = '\2\255\255\255'
    gs:save()
    again:close()
  end
  return self
end

return M
