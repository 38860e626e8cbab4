local ffi = require('ffi')
local random_of = require('spec.support.seed').random
local C = require('spec.support.cdef').load('batch/queries.h')

describe('batch queries', function()
  it('answers each distinct (key, instant) once, sorted, whatever the order of the rows', function()
    local random, seed = random_of('queries')
    for _ = 1, 50 do
      local n = random(0, 200)
      local key, at = ffi.new('int32_t[?]', n + 1), ffi.new('int64_t[?]', n + 1)
      for i = 0, n - 1 do key[i], at[i] = random(-1, 6), random(-20, 20) end
      local q = ffi.new('struct query_set')
      C.query_set_init(q, key, at, n, 7)
      for i = 1, tonumber(q.queries.n) - 1 do
        local before = q.key[i - 1] < q.key[i] or (q.key[i - 1] == q.key[i] and q.at[i - 1] < q.at[i])
        assert.is_true(before, 'not sorted or not distinct, seed ' .. seed)
      end
      local used = {}
      for i = 0, n - 1 do
        local p = q.position[i]
        if key[i] < 0 then
          assert.equal(-1, p)
        else
          assert.is_true(q.key[p] == key[i] and q.at[p] == at[i], 'wrong query, seed ' .. seed)
          used[p] = true
        end
      end
      for p = 0, tonumber(q.queries.n) - 1 do assert.is_true(used[p], 'a query nobody asked, seed ' .. seed) end
      C.query_set_deinit(q)
    end
  end)
end)
