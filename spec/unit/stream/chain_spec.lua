-- stream/chain.h: rows of a join's left side with features, by a stand-in for the fetcher.
local ffi = require('ffi')
local decode = require('spec.support.decode')
local cdef = require('spec.support.cdef')
local C = cdef.load('stream/chain.h', 'warehouse/sql.h')
local cols = require('spec.support.cols')
local rows_of = require('spec.support.rows')

local wh, keep = rows_of.open('/nonexistent', {})
local COLUMNS = { { 'user', 'string' }, { 'n', 'int' }, { 'at', 'long' } }
local null = cols.null

--- A join over events of `at`, with these selects and wheres of its left side.
local function join_of(arena, o)
  local function text(v) return C.arena_strdup(arena, v) end
  local q = ffi.new('struct model_query', { time_column = text('at') })
  q.selects = ffi.cast('struct model_pair *', C.arena_calloc(arena, #o.selects + 1, ffi.sizeof('struct model_pair')))
  q.n_selects = #o.selects
  for i, v in ipairs(o.selects) do q.selects[i - 1].key, q.selects[i - 1].value = text(v[1]), text(v[2]) end
  q.wheres = ffi.cast('const char **', C.arena_calloc(arena, #(o.wheres or {}) + 1, 8))
  q.n_wheres = #(o.wheres or {})
  for i, v in ipairs(o.wheres or {}) do q.wheres[i - 1] = text(v) end
  local events = ffi.new('struct model_event_source', { topic = text('t'), query = q })
  local left = ffi.new('struct model_source', { events = events })
  local meta = ffi.new('struct model_meta_data', { name = text('team.join.v1') })
  local join = ffi.new('struct model_join', { meta_data = meta, left = left })
  local source = ffi.new('struct model_join_source', { join = join })
  return ffi.new('struct model_source', { join_source = source }), { q, events, left, meta, join, source }
end

local opened = {}

--- @param o table selects, wheres?, keys, features, answer(keys, at): value of each feature, or nil and why
local function open(o)
  local arena = cols.arena()
  local c = { rejects = decode.rejects(), asked = {}, lines = {}, wanted = true }
  local keys, features = cols.schema(arena, o.keys), cols.schema(arena, o.features)
  c.callbacks = {
    ffi.cast('chn_status (*)(void *, const struct model_join *, const struct row_schema **, const struct row_schema **, void **, '
      .. 'struct chn_err *)', function(_, _, k, f, session)
      k[0], f[0], session[0] = keys, features, ffi.cast('void *', 1)
      return 0
    end),
    ffi.cast('chn_status (*)(void *, const struct row_col *, const int64_t *, size_t, struct row_builder *const *, const char **, '
      .. 'struct chn_err *)', function(_, columns, at, n, outs, failed, err)
      if o.down and o.down() then
        C.chn_fail(err, C.CHN_E_IO, 'no store')
        return C.CHN_E_IO
      end
      for i = 0, tonumber(n) - 1 do
        local row = {}
        for k = 1, #o.keys do row[k] = cols.read(columns[k - 1], i) end
        c.asked[#c.asked + 1] = cols.show(row[1]) .. '@' .. tostring(at[i]):gsub('LL', '')
        local value, why = o.answer(row, tonumber(at[i]))
        for f = 1, #o.features do
          if value == nil then
            C.row_builder_null(outs[f - 1])
          else
            C.row_builder_value(outs[f - 1], ffi.new('int64_t[1]', value + f - 1))
          end
        end
        c.why = why or c.why
        if why then failed[i] = c.why end
      end
      return 0
    end),
    ffi.cast('void (*)(void *)', function() c.closed = true end),
    ffi.cast('bool (*)(void *)', function() return c.wanted end),
    ffi.cast('void (*)(void *, const char *)', function(_, line) c.lines[#c.lines + 1] = ffi.string(line) end),
  }
  c.enrich = ffi.new('struct stream_enrich', { open = c.callbacks[1], fetch = c.callbacks[2], close = c.callbacks[3] })
  local from, held = join_of(arena, o)
  c.schema = cols.schema(arena, COLUMNS)
  c.held = { from, held, keys, features, arena }
  local options = ffi.new('struct chain_options', { wh = wh, from = from, columns = c.schema, enrich = c.enrich,
    shift_ms = o.shift or 0, wanted = c.callbacks[4], log = c.callbacks[5] })
  local out, err = ffi.new('struct stream_chain *[1]'), ffi.new('struct chn_err')
  if C.stream_chain_open(options, out, err) ~= 0 then return nil, ffi.string(err.msg) end
  c.c = out[0]
  opened[#opened + 1] = c
  return c
end
jit.off(open, true)

--- Rows as texts `message: a=1 b=2`; what was rejected; whether it gave up.
local function run(c, values)
  local n = #values[1]
  local columns, hold = cols.columns(c.schema, values)
  local texts, from = {}, ffi.new('uint32_t[?]', n + 1)
  for i = 1, n do texts[i], from[i - 1] = '{}', i - 1 end
  local decoded, out = ffi.new('struct decoded', { cols = columns, from = from, n = n }), ffi.new('struct decoded')
  local given_up, err = ffi.new('bool[1]'), ffi.new('struct chn_err')
  c.rejects.list, c.asked = {}, {}
  assert(C.stream_chain_run(c.c, decoded, decode.messages(texts), c.rejects.c, out, given_up, err) == 0, ffi.string(err.msg))
  assert(hold)
  local schema, rows, rejected = C.stream_chain_columns(c.c), {}, {}
  for r = 0, tonumber(out.n) - 1 do
    local parts = {}
    for i = 0, schema.n_fields - 1 do
      parts[i + 1] = ffi.string(schema.fields[i].name) .. '=' .. (cols.show(cols.read(out.cols[i], r)):gsub('LL$', ''))
    end
    rows[r + 1] = out.from[r] .. ': ' .. table.concat(parts, ' ')
  end
  for i, x in ipairs(c.rejects.list) do rejected[i] = ('%d %s: %s'):format(x[3] - 101, x[1], x[2]) end
  return rows, rejected, given_up[0]
end
jit.off(run, true)

local SELECTS = { { 'user', 'user' }, { 'twice', 'n * 2' } }
local KEYS, FEATURES = { { 'user', 'string' } }, { { 'f', 'long' }, { 'g', 'long' } }

describe('a chain', function()
  -- Before the warehouse and the callbacks, which a collector at the end may take first.
  after_each(function()
    for _, c in ipairs(opened) do C.stream_chain_close(c.c) end
    opened = {}
  end)

  teardown(function() assert(keep) end)

  it('gives the left side\'s columns and the features of each row at its own time', function()
    local c = assert(open({ selects = SELECTS, wheres = { 'n > 0' }, keys = KEYS, features = FEATURES, shift = 5,
      answer = function(_, at) return at end }))
    local rows, rejected = run(c, { { 'a', 'b', null, 'd' }, { 1, 0, 3, 4 }, { 10, 20, 30, null } })
    assert.same({ '0: user="a" twice=2 ts=10 f=15 g=16', '2: user=null twice=6 ts=30 f=35 g=36' }, rows)
    assert.same({ '3 no_time: its time column is null' }, rejected)
    assert.same({ '"a"@15', 'null@35' }, c.asked)
    assert.same({}, (run(c, { {}, {}, {} })))
  end)

  it('takes a left column before a feature of its name', function()
    local c = assert(open({ selects = { { 'user', 'user' }, { 'f', 'n' } }, keys = KEYS, features = FEATURES,
      answer = function() return 7 end }))
    assert.same({ '0: user="a" f=1 ts=10 g=8' }, (run(c, { { 'a' }, { 1 }, { 10 } })))
  end)

  it('rejects the rows whose features cannot be had, alone', function()
    local c = assert(open({ selects = SELECTS, keys = KEYS, features = FEATURES, answer = function(keys)
      if keys[1] == 'bad' then return nil, 'no answer' end
      return keys[1] ~= 'none' and 1 or nil
    end }))
    local rows, rejected = run(c, { { 'bad', 'a', 'bad', 'none' }, { 1, 2, 3, 4 }, { 1, 2, 3, 4 } })
    assert.same({ '1: user="a" twice=4 ts=2 f=1 g=2', '3: user="none" twice=8 ts=4 f=null g=null' }, rows)
    assert.same({ '0 evaluate: no answer', '2 evaluate: no answer' }, rejected)
  end)

  it('asks in pieces', function()
    local users, numbers, times = {}, {}, {}
    for i = 1, 2500 do users[i], numbers[i], times[i] = 'u' .. i, i, i end
    local c = assert(open({ selects = SELECTS, keys = KEYS, features = FEATURES, answer = function(_, at)
      if at % 1000 == 0 then return nil, 'every thousandth' end
      return at
    end }))
    local rows, rejected = run(c, { users, numbers, times })
    assert.equal(2498, #rows)
    assert.equal('2499: user="u2500" twice=5000 ts=2500 f=2500 g=2501', rows[2498])
    assert.equal('1000: user="u1001" twice=2002 ts=1001 f=1001 g=1002', rows[1000])
    assert.same({ '999 evaluate: every thousandth', '1999 evaluate: every thousandth' }, rejected)
  end)

  it('asks a store that does not answer again, and gives up when nobody wants it any more', function()
    local times, c = 0
    c = assert(open({ selects = SELECTS, keys = KEYS, features = FEATURES, answer = function() return 1 end, down = function()
      times = times + 1
      return times < 3
    end }))
    local rows, rejected, given_up = run(c, { { 'a' }, { 1 }, { 10 } })
    assert.same({ { '0: user="a" twice=2 ts=10 f=1 g=2' }, {}, false }, { rows, rejected, given_up })
    assert.same({ 'features of team.join.v1: no store; consumption waits for them' }, c.lines)
    times, c.wanted = -100, false
    rows, rejected, given_up = run(c, { { 'a' }, { 1 }, { 10 } })
    assert.same({ {}, {}, true }, { rows, rejected, given_up })
  end)

  it('is refused without a key of the join, or with one of another type', function()
    local function why(selects, keys)
      return (select(2, open({ selects = selects, keys = keys, features = FEATURES, answer = function() end })))
    end
    assert.equal('the left side of team.join.v1: key "user" of the join\'s parts (string) is not selected',
      (why({ { 'n', 'n' } }, KEYS)))
    assert.matches('^the left side of team.join.v1: key "n" of the join\'s parts %(.*%) is of another type; cast it$',
      (why({ { 'n', 'n' } }, { { 'n', 'long' } })))
    assert.matches('^the left side of team.join.v1: select "x": .*nope', (why({ { 'user', 'user' }, { 'x', 'nope + 1' } }, KEYS)))
  end)
end)
