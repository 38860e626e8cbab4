--- Whatever an author passes, a constructor answers with a definition or with an error at the
--- author's line; never with one of its own.
local seed = require 'spec.support.seed'
require 'spec.support.dsl'
local c = require 'chronon'
local params = require 'chronon.params'

local function constructor(name)
  local found = c
  for word in name:gmatch('[^.]+') do found = found[word] end
  return found
end

local function objects()
  local query = c.Query { selects = c.select('user', 'd'), time_column = 'ts' }
  local source = c.EventSource { table = 'a.b', topic = 't', query = query }
  local gb = c.GroupBy { name = 'a.b', sources = source, keys = { 'user' },
    aggregations = { c.Aggregation { input_column = 'd', windows = { '1d' } } } }
  local fields = { { 'x', c.DataType.INT } }
  return {
    query, source, gb, c.Source { events = source }, c.JoinPart { group_by = gb }, c.Window { 1, c.TimeUnit.DAYS },
    c.EntitySource { snapshotTable = 'a.b', query = query }, c.Aggregation { input_column = 'd' }, c.Aggregation {},
    c.ContextualSource { fields = fields }, c.DataType.LIST(c.DataType.INT), c.DataType.MAP, c.Operation.SUM,
    c.Operation.LAST_K, c.Operation.TOP_K(2), c.Accuracy.SNAPSHOT, c.TimeUnit.HOURS, c.MetaData {}, c.null, c.map(),
    c.StagingQuery { query = 'SELECT 1' }, c.Join { left = source, right_parts = {} }, c.Derivation { 'a', 'b' },
    c.JoinSource { join = c.Join { left = source, right_parts = {} }, query = query }, c.select('ts'), '1d', '', 'user',
    'a\0b', '\255', '@weekly', 0, 1, -1, 0.5, 0 / 0, 1 / 0, 2 ^ 40, true, false, print, fields,
  }
end

describe('constructors given anything', function()
  local draw, used = seed.random('dsl garbage')
  local function random(n) return draw(1, n) end
  local pool = objects()

  local function value(depth)
    if depth < 3 and random(4) == 1 then
      local t = {}
      for _ = 1, random(4) - 1 do
        local key = random(3) == 1 and ({ 'a', 'user', 3, 0, -1, true, 1.5 })[random(7)] or #t + 1
        t[key] = value(depth + 1)
      end
      return t
    end
    return pool[random(#pool)]
  end

  for _, spec in ipairs(params.constructors) do
    it('c.' .. spec.name, function()
      local f = constructor(spec.name)
      for _ = 1, 300 do
        local args = {}
        for _, p in ipairs(spec.params) do
          if random(3) > 1 then args[p.name] = value(0) end
        end
        if random(10) == 1 then args = value(0) end
        local ok, message = pcall(function()
          local made = f(args)
          return made
        end)
        if not ok then
          local wanted = '^[^:]*garbage_spec.lua:%d+: ' .. spec.name:gsub('%.', '%%.')
          assert(message:find(wanted), ('seed %d: %s'):format(used, message))
        end
      end
    end)
  end
end)
