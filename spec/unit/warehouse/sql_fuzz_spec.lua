--- Mutated SQL must be rendered or refused with a message, never crash, and what is rendered must
--- not take the engine down. The cases of sql_cases.txt are the seeds.
local ffi = require('ffi')
local C = require('spec.support.cdef').load('warehouse/sql.h')
local duck = require('spec.support.duck')
local seeds = require('spec.support.seed')

local ROUNDS = tonumber(os.getenv('SPEC_ROUNDS')) or 3000

local pieces = {
  '(', ')', '[', ']', ',', '.', "'", '"', '`', '\\', '->', '::', '||', '<=>', '--', '/*', '*/', ' ', '\n', '\0', '\255',
  ' SELECT ',
  ' FROM ', ' NOT ', ' IN (', ' CASE WHEN ', ' END ', ' AND ', ' LATERAL VIEW explode(', ' OVER (', 'INTERVAL ',
  ' BETWEEN ', ' LIKE ', '1', '9999999999999999999', '1e999', '.', 'NULL', 'x', 'array(', 'CAST(', ' AS INT)', 'aé',
}

local function lines()
  local out = {}
  for line in io.lines('spec/unit/warehouse/sql_cases.txt') do
    if line ~= '' and not line:match('^#') then out[#out + 1] = line end
  end
  return out
end

local function mutate(all, random)
  local text, other = all[random(1, #all)], all[random(1, #all)]
  for _ = 1, random(1, 4) do
    local at, kind = random(0, #text), random(1, 5)
    local cut = at + random(0, 6)
    if kind == 1 then
      text = text:sub(1, at) .. text:sub(cut + 1)
    elseif kind == 2 then
      text = text:sub(1, at) .. pieces[random(1, #pieces)] .. text:sub(at + 1)
    elseif kind == 3 then
      text = text:sub(1, at) .. other:sub(random(1, #other))
    elseif kind == 4 then
      text = text:sub(1, at) .. text:sub(1, at)
    else
      text = text:sub(1, at) .. string.char(random(1, 255)) .. text:sub(at + 2)
    end
  end
  return text
end

describe('warehouse sql, given nonsense,', function()
  it('answers', function()
    local random, seed = seeds.random('sql fuzz render')
    local all = lines()
    for _ = 1, ROUNDS do
      local text = mutate(all, random)
      for _, kind in ipairs({ 'expr', 'query', 'setup' }) do
        local out, err = duck.render(kind, text)
        assert.is_true(out ~= nil or (err ~= nil and #err > 0), 'seed ' .. seed .. ': ' .. text)
      end
      duck.names('sql_query_tables', text)
      duck.names('sql_expr_columns', text)
      local arena = ffi.gc(ffi.new('struct arena'), C.arena_deinit)
      C.sql_expr_is_name(arena, text, ffi.new('char *[1]'))
    end
  end)

  it('lets the engine answer too', function()
    local random, seed = seeds.random('sql fuzz run')
    local db, all, ran = duck.open(), lines(), 0
    assert(db:run("SET memory_limit = '300MB'"))
    for _ = 1, ROUNDS / 10 do
      local text = duck.render('expr', mutate(all, random))
      if text then
        db:run('SELECT ' .. text .. ' FROM range(3)')
        ran = ran + 1
      end
    end
    assert.same({ { '2' } }, (db:run('SELECT 1 + 1')), 'seed ' .. seed)
    assert.is_true(ran > 0)
    db:close()
  end)
end)
