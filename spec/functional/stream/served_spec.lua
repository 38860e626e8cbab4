-- A server that keeps answers, while another process streams into its store and a third uploads.
local json = require('dkjson')
local promtext = require('spec.support.promtext')
local server = require('spec.support.server')
local streamed = require('spec.support.streamed')

local PATH = '/v1/features/groupby/shop.gb.v1?at='

describe('a server beside a stream', function()
  for what, tiled in pairs({ rows = false, tiles = true }) do
    it('answers what the store has, and keeps what nobody wrote: ' .. what, function()
      local s = streamed.new({ gb = streamed.group_by('shop.gb.v1', nil, tiled) })
      local input = s:input('e.json', {})
      local run = s:start(s:words('local-streaming', 'gb', { '--input', input, '--follow' }))
      local serve = server.start(s.url)
      finally(function()
        run:stop()
        serve:stop()
        s:remove()
      end)
      local at = streamed.ms('2024-03-11 02:00:00')
      local function ask(user)
        local answer = serve:ask(PATH .. ('%d'):format(at), { body = json.encode { { uid = user } } })
        assert.equal(200, answer.status)
        return json.decode(answer.body).results[1].features.i_count_7d
      end
      local function kept() return promtext.parse(serve:ask('/metrics').body).chronon_answers_kept_total end
      local function append(user, minute)
        local f = io.open(input, 'a')
        f:write(streamed.line(user, 1, streamed.ms('2024-03-11') + minute * 60000))
        f:close()
      end
      -- Nothing tells when a line has arrived but the answer itself: asked all the time, it is kept all the time.
      for i = 1, 40 do
        append('a', i)
        assert(streamed.wait_for(function() return ask('a') == 1 + i end), ('%d after %d: %s'):format(ask('a'), i, run:err()))
      end
      local before = kept()
      assert.equal(1, ask('b'))
      for i = 41, 50 do
        append('a', i)
        assert(streamed.wait_for(function() return ask('a') == 1 + i end), run:err())
        assert.equal(1, ask('b'))
      end
      assert.is_true(kept() - before >= 10, kept() - before) -- all of b but the first
      s:events({ { 'a', 1, streamed.ms('2024-03-10 12:00:00') }, { 'b', 1, streamed.ms('2024-03-10 12:00:00') },
                 { 'b', 1, streamed.ms('2024-03-10 13:00:00') } })
      s:upload('gb', '2024-03-10')
      assert.equal(2, ask('b'))
      assert.equal(51, ask('a'))
      run:signal('INT')
      assert.equal(0, run:ended())
    end)
  end
end)
