--- Threads that fetch while definitions are reloaded: a program in C, which ThreadSanitizer watches too.
local kv = require('spec.support.kv')
local online = require('spec.support.online')
local cdef = require('spec.support.cdef')
cdef.load('agg/plan.h')

local STOP = 1706745600000 -- 2024-02-01
local BIN = (os.getenv('CHRONON_BIN') or ''):match('^(.*build/.*/)[^/]*$') or 'build/release/'

describe('threads', function()
  it('get whole answers while plans are swapped', function()
    local path = os.tmpname()
    os.remove(path)
    finally(function() os.execute('rm -rf ' .. path) end)
    local store = kv.open('lmdb:' .. path, true)
    local o = online.new(store, { name = 'team.gb.v1', fields = { { 'n', 'long' }, { 's', 'string' } }, stop = STOP,
                                  defs = { { 'n', 'SUM', windows = { '7d' } }, { 's', 'LAST' } },
                                  derivations = { { 'twice', 'n_sum_7d * 2' }, { '*', '*' } } })
    o:batch('u', { { ts = STOP - 1000, n = 5LL, s = 'x' } })
    o:stream('u', { { ts = STOP + 1000, n = 6LL, s = 'a longer text' } })
    o:save()
    for name, all in pairs { kept = '', fetched = ' + 0 * ts' } do
      online.join(store, ('team.%s.v1'):format(name), { { o }, { o, prefix = 'p' } },
        { derivations = {
          { name = 'all', expression = 'team_gb_v1_twice + p_team_gb_v1_twice' .. all },
          { name = '*', expression = '*' },
        } })
    end
    local plain = online.new(store, { name = 'team.plain.v1', fields = { { 'n', 'long' } }, stop = STOP,
                                      defs = { { 'n', 'SUM', windows = { '7d' } } } })
    plain:batch('u', { { ts = STOP - 1000, n = 5LL } })
    plain:save()
    online.join(store, 'team.plain.v1', { { plain } })
    store:close()
    --- For so long that it gives 50 answers, and keeps so many: a machine may be busy.
    local function run(join, least)
      local text, kept
      for _, ms in ipairs({ 1500, 10000, 50000 }) do
        local pipe = io.popen(('%sfetch_threads lmdb:%s %s \'[{"user":"u"},{"user":"none"}]\' %d 2>&1'):format(BIN, path, join, ms))
        text = pipe:read('*a')
        pipe:close()
        local answers
        answers, kept = text:match('(%d+) answers, 0 failures, (%d+) kept')
        assert(answers and not text:find('ThreadSanitizer'), text)
        if tonumber(answers) > 50 and tonumber(kept) >= least then return tonumber(kept) end
      end
      error(text)
    end
    assert.equal(0, run('team/fetched.v1', 0)) -- names the instant of the request
    run('team/kept.v1', 51)
    run('team/plain.v1', 51)
  end)
end)
