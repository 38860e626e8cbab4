-- The routes of `chronon serve`: Chronon's own answers byte by byte (recorded from its service), and what is added.
local json = require('dkjson')
local promtext = require('spec.support.promtext')
local program = require('spec.support.program')
local served = require('spec.support.served')
local server = require('spec.support.server')

local GROUP_BY = '/v1/features/groupby/'
local JOIN = '/v1/features/join/'

describe('chronon serve', function()
  local data, s
  setup(function()
    data = served.new()
    s = server.start(data.url)
  end)
  teardown(function()
    s:stop()
    data.remove()
  end)

  local function post(path, body) return s:ask(path, { body = body }) end
  local function errors(r) return json.decode(r.body).errors end

  local function answers(path, body, want)
    local r = post(path, body)
    assert.equal(200, r.status)
    assert.equal('application/json', r.headers['content-type'])
    assert.equal(want, r.body)
  end

  describe('as Chronon\'s service does', function()
    it('answers /ping', function()
      local r = s:ask('/ping')
      assert.same({ 200, 'application/json', '"Pong!"' }, { r.status, r.headers['content-type'], r.body })
    end)

    it('shows its settings, as Jackson prints them', function()
      local r = s:ask('/config')
      assert.same({ 200, 'application/json' }, { r.status, r.headers['content-type'] })
      assert.matches('^{\n  "server.host" : "127.0.0.1",\n  "server.port" : ' .. s.port .. ',\n', r.body)
      local settings = json.decode(r.body)
      assert.same({ data.url, 7200000, 96 * 1048576, false },
        { settings.store, settings['fetcher.metadata_ttl_ms'], settings['fetcher.answer_cache_bytes'],
          settings['fetcher.check_entities'] })
    end)

    local SNAPSHOT = '"features":{"v_sum_7d":8,"v_average":4.0,"v_last2":[5,3]}}'
    for path, cases in pairs({
      [GROUP_BY .. 'team.gs.v1'] = {
        ['[{"uid":1},{"uid":2},{"uid":9}]'] = '{"results":[{"status":"Success","entityKeys":{"uid":1},' .. SNAPSHOT
          .. ',{"status":"Success","entityKeys":{"uid":2},"features":{"v_sum_7d":null,"v_average":null,"v_last2":null}},'
          .. '{"status":"Success","entityKeys":{"uid":9}}]}',
        ['[{"uid":null},{"uid":1}]'] = '{"results":[{"status":"Success","entityKeys":{"uid":1},' .. SNAPSHOT .. ']}',
        ['[{}]'] = '{"results":[{"status":"Success","entityKeys":{}}]}',
        ['[{"uid":"abc"}]'] = '{"results":[{"status":"Failure","entityKeys":{"uid":"abc"},'
          .. '"error":"For input string: \\"abc\\""}]}',
      },
      [GROUP_BY .. 'team%2Fgs.v1'] = {
        ['[{"uid":"1"}]'] = '{"results":[{"status":"Success","entityKeys":{"uid":"1"},' .. SNAPSHOT .. ']}',
      },
      [GROUP_BY .. 'team.gt.v1'] = {
        ['[{"uid":1},{"uid":9}]'] = '{"results":[{"status":"Success","entityKeys":{"uid":1},' .. SNAPSHOT
          .. ',{"status":"Success","entityKeys":{"uid":9}}]}',
      },
      [GROUP_BY .. 'team.nope.v1'] = {
        ['[{"uid":1}]'] = '{"results":[{"status":"Failure","entityKeys":{"uid":1},"error":"Couldn\'t fetch group by '
          .. 'serving info for TEAM_NOPE_V1_BATCH, please make sure a batch upload was successful"}]}',
      },
      [JOIN .. 'team%2Fj1.v1'] = {
        ['[{"uid":9},{"uid":null}]'] = '{"results":[{"status":"Success","entityKeys":{"uid":9},"features":{}},'
          .. '{"status":"Success","entityKeys":{"uid":null},"features":{}}]}',
        ['[]'] = '{"results":[]}',
      },
    }) do
      for body, want in pairs(cases) do
        it(path .. ' ' .. body, function() answers(path, body, want) end)
      end
    end

    it('casts the keys of a join, and tells which are missing', function()
      local r = json.decode(post(JOIN .. 'team%2Fj1.v1', '[{"uid":"1"},{"x":1}]').body)
      assert.same({ results = {
        { status = 'Success', entityKeys = { uid = 1 }, features = {
          team_gs_v1_v_sum_7d = 8, team_gs_v1_v_average = 4, team_gs_v1_v_last2 = { 5, 3 },
          team_gt_v1_v_sum_7d = 8, team_gt_v1_v_average = 4, team_gt_v1_v_last2 = { 5, 3 } } },
        { status = 'Success', entityKeys = { x = 1 }, features = {
          team_gs_v1_exception = 'Failed to fetch team_gs_v1: Missing keys Vector(uid) required by team_gs_v1 in query: '
            .. 'Map(x -> 1)',
          team_gt_v1_exception = 'Failed to fetch team_gt_v1: Missing keys Vector(uid) required by team_gt_v1 in query: '
            .. 'Map(x -> 1)' } },
      } }, r)
    end)

    it('has the other features where a part fails', function()
      local r = json.decode(post(JOIN .. 'team%2Fj2.v1', '[{"uid":1}]').body)
      assert.equal('Success', r.results[1].status)
      assert.equal(8, r.results[1].features.team_gt_v1_v_sum_7d)
      assert.matches('Couldn\'t fetch group by serving info for TEAM_GMISSING_V1_BATCH, please make sure',
        r.results[1].features.team_gmissing_v1_exception, 1, true)
    end)

    it('answers an unknown join, and one with dots, with its framework\'s page', function()
      for _, name in ipairs({ 'team%2Fnone.v1', 'team.j1.v1' }) do
        local r = post(JOIN .. name, '[{"uid":1}]')
        assert.same({ 500, 'Internal Server Error' }, { r.status, r.body })
        assert.is_nil(r.headers['content-type'])
      end
    end)

    it('refuses what is no array of objects', function()
      for body, why in pairs({ ['{"uid":1}'] = 'body:1:1: an object, want an array of key objects', garbage = 'body:1:1',
        ['[1]'] = 'body:1:2', ['[{"uid":1}'] = 'body:1:11', [''] = 'body:1:1', ['[{"uid":1}]x'] = 'body:1:12',
        ['[{"uid":1,"uid":2}]'] = 'uid', ['[{"uid":"\255"}]'] = 'body:1', ['\0'] = 'body:1:1' }) do
        for _, path in ipairs({ JOIN .. 'team%2Fj1.v1', GROUP_BY .. 'team.gs.v1', GROUP_BY .. 'team.nope.v1' }) do
          local r = post(path, body)
          assert.same({ 400, 'application/json' }, { r.status, r.headers['content-type'] }, body)
          assert.matches(why, errors(r)[1], 1, true)
        end
      end
    end)

    it('has a page for an unknown path', function()
      for _, path in ipairs({ '/nope', '/', '/v1/features/join/', '/v1/features/join/team/j1.v1', '/ping/', '/pin',
        '/v1/features/other/x' }) do
        local r = s:ask(path)
        assert.same({ 404, 'text/html; charset=utf-8', '<html><body><h1>Resource not found</h1></body></html>' },
          { r.status, r.headers['content-type'], r.body }, path)
      end
    end)

    it('refuses other methods with an empty body', function()
      for _, case in ipairs({ { 'GET', JOIN .. 'team%2Fj1.v1', 'GET, HEAD, POST' }, { 'PUT', JOIN .. 'x', 'GET, HEAD, POST' },
        { 'DELETE', GROUP_BY .. 'x', 'GET, HEAD, POST' }, { 'POST', '/ping', 'GET, HEAD' }, { 'GET', '/admin/reload', 'POST' } }) do
        local r = s:ask(case[2], { method = case[1] })
        assert.same({ 405, '', case[3] }, { r.status, r.body, r.headers.allow }, case[2])
      end
    end)
  end)

  describe('beside that', function()
    it('has a GET form for a browser', function()
      local r = s:ask(JOIN .. 'team%2Fj1.v1?uid=1')
      assert.equal(200, r.status)
      assert.equal(post(JOIN .. 'team%2Fj1.v1', '[{"uid":"1"}]').body, r.body)
      assert.equal('{"results":[{"status":"Success","entityKeys":{"a b":"c+d","e":null}}]}',
        s:ask(GROUP_BY .. 'team.gs.v1?a+b=c%2Bd&e').body)
    end)

    it('tells a browser which join there is not', function()
      local r = s:ask(JOIN .. 'team%2Fnone.v1?uid=1')
      assert.equal(404, r.status)
      assert.matches('Couldn\'t fetch ai.chronon.api.Join for key joins/team/none.v1.', errors(r)[1], 1, true)
    end)

    it('answers for an instant, in milliseconds or ISO 8601', function()
      for seconds, want in pairs({ [1] = 1, [2] = 11 }) do
        local iso = os.date('!%Y-%m-%dT%H:%M:%SZ', data.stop / 1000 + seconds)
        local offset = os.date('!%Y-%m-%dT%H:%M:%S+01:00', data.stop / 1000 + seconds + 3600)
        for _, at in ipairs({ ('%d'):format(data.stop + seconds * 1000), iso, offset }) do
          local get = s:ask(GROUP_BY .. 'team.at.v1?uid=1&at=' .. at)
          assert.equal(want, json.decode(get.body).results[1].features.v_sum, at)
          local posted = post(GROUP_BY .. 'team.at.v1?at=' .. at, '[{"uid":2},{"uid":1}]')
          assert.equal(want, json.decode(posted.body).results[2].features.v_sum, at)
        end
      end
    end)

    it('answers in detail', function()
      for _, flag in ipairs({ 'detailed', 'detailed=1', 'detailed=true' }) do
        local r = json.decode(post(JOIN .. 'team%2Fj2.v1?' .. flag, '[{"uid":1},{"uid":9}]').body)
        assert.same({ value = 8, status = 'present' }, r.results[1].features.team_gt_v1_v_sum_7d)
        assert.equal('missing_key', r.results[2].features.team_gt_v1_v_sum_7d.status)
        assert.is_string(r.results[1].errors.team_gmissing_v1_exception)
      end
      assert.equal(post(JOIN .. 'team%2Fj1.v1', '[{"uid":1}]').body,
        post(JOIN .. 'team%2Fj1.v1?detailed=0', '[{"uid":1}]').body)
    end)

    it('says what is wrong with a query or a name', function()
      for path, why in pairs({ [GROUP_BY .. 'team.gs.v1?uid=1&at=soon'] = 'at: "soon" is no instant', [GROUP_BY
        .. 'team.gs.v1?detailed=maybe'] = 'detailed=maybe: 1 or 0 is needed', [GROUP_BY .. 'team.gs.v1?uid=%G1'] = 'bad escape',
        [GROUP_BY .. 'team.gs.v1?uid=%ff'] = 'bad escape', [GROUP_BY .. 'team%00?uid=1'] = 'bad escape',
        [GROUP_BY .. 'team%2?uid=1'] = 'bad escape',
        [GROUP_BY .. 'team.gs.v1?uid=1&uid=2'] = 'the query: the key "uid" stands twice',
        [GROUP_BY .. 'team.gs.v1?uid=1&at=1&at=2'] = 'the query: at stands twice',
        [GROUP_BY .. 'team.gs.v1?detailed&uid=1&detailed=0'] = 'the query: detailed stands twice',
        [GROUP_BY .. 'team.gs.v1?uid=1&at=-9223372036854775808'] = 'no instant of the years' }) do
        local r = s:ask(path)
        assert.equal(400, r.status, path)
        assert.matches(why, errors(r)[1], 1, true)
      end
    end)

    it('is alive and ready', function()
      assert.equal('{"status":"ok"}', s:ask('/healthz').body)
      local r = s:ask('/readyz')
      assert.same({ 200, '{"status":"ready"}' }, { r.status, r.body })
      local head = s:ask('/readyz', { method = 'HEAD' })
      assert.same({ 200, '18' }, { head.status, head.headers['content-length'] })
    end)

    it('keeps a connection, also after errors and with requests in one piece', function()
      local socket = require('spec.support.socket')
      local c = s:connect()
      for _ = 1, 3 do
        assert.equal(400, c:ask(JOIN .. 'team%2Fj1.v1', { body = 'x' }).status)
        assert.equal(404, c:ask('/nope', { body = 'x' }).status)
        assert.equal(200, c:ask(JOIN .. 'team%2Fj1.v1', { body = '[]' }).status)
        assert.equal(200, c:ask('/readyz').status)
      end
      c:send(socket.request('/ping') .. socket.request(GROUP_BY .. 'team.gs.v1', { body = '[{"uid":9}]' })
        .. socket.request('/readyz') .. socket.request('/healthz'))
      assert.equal('"Pong!"', c:response().body)
      assert.equal('{"results":[{"status":"Success","entityKeys":{"uid":9}}]}', c:response().body)
      assert.equal('{"status":"ready"}', c:response().body)
      assert.equal('{"status":"ok"}', c:response().body)
      c:close()
    end)

    it('counts what it does', function()
      local function metrics()
        local text, out = s:ask('/metrics'), {}
        assert.equal('text/plain; version=0.0.4; charset=utf-8', text.headers['content-type'])
        for name, value in text.body:gmatch('([^\n#][^\n]-) (%S+)\n') do out[name] = tonumber(value) end
        return out
      end
      local a = metrics()
      post(JOIN .. 'team%2Fj1.v1', '[{"uid":1},{"uid":9}]')
      post(JOIN .. 'team%2Fj1.v1', 'x')
      post(GROUP_BY .. 'team.nope.v1', '[{"uid":1}]')
      local b = metrics()
      local function grew(name) return b[name] - (a[name] or 0) end
      assert.equal(1, grew('chronon_http_request_seconds_count{route="join",status="200"}'))
      assert.equal(1, grew('chronon_http_request_seconds_count{route="join",status="400"}'))
      assert.equal(1, grew('chronon_http_request_seconds_count{route="groupby",status="200"}'))
      assert.equal(1, grew('chronon_http_request_seconds_count{route="metrics",status="200"}'))
      assert.equal(2, grew('chronon_fetch_seconds_count{join="team.j1.v1"}'))
      assert.equal(2, grew('chronon_http_rows_total'))
      assert.equal(2, grew('chronon_fetcher_rows_total{kind="join"}'))
      local fetched = 2 - grew('chronon_answers_kept_total') -- a spec before may have asked the same
      assert.equal(3 * fetched, grew('chronon_store_keys_read_total')) -- two batch datasets and a streaming one
      assert.equal(#'[{"uid":1},{"uid":9}]x[{"uid":1}]', grew('chronon_http_request_bytes_total'))
      assert.equal(1, b.chronon_store_up)
      assert.equal(1, b.chronon_http_requests_in_flight)
      assert(server.wait_for(function() return metrics().chronon_http_connections == 1 end, 5)) -- closed ones are seen later
      local fresh = b['chronon_feature_freshness_seconds{group_by="team.gt.v1"}']
      assert.is_true(fresh >= 0 and fresh < 2 * 86400)
      assert.is_near(os.time() - data.stop / 1000, fresh, 20)
      assert.equal(3, b['chronon_store_values{dataset="TEAM_GS_V1_BATCH"}'])
      assert.is_true(b.process_resident_memory_bytes > 1e6)
    end)

    it('keeps answers, unless it is told not to', function()
      local function kept(by)
        local before = promtext.parse(by:ask('/metrics').body).chronon_answers_kept_total
        local path = JOIN .. ('team%%2Fj1.v1?at=%d'):format(data.stop + 1) -- now a window might begin elsewhere between the two
        local first = by:ask(path, { body = '[{"uid":1},{"uid":9}]' }).body
        assert.equal(first, by:ask(path, { body = '[{"uid":1},{"uid":9}]' }).body)
        return promtext.parse(by:ask('/metrics').body).chronon_answers_kept_total - before
      end
      assert.is_true(kept(s) >= 2)
      local forgetful = server.start(data.url, { '--answer-cache', '0' })
      assert.equal(0, kept(forgetful))
      assert.equal(0, forgetful:stop())
    end)

    it('writes metrics as Prometheus reads them', function()
      post(JOIN .. 'team%2Fj1.v1', '[{"uid":1}]')
      local seen = promtext.parse(s:ask('/metrics').body)
      assert.is_true(seen['chronon_fetch_seconds_count{join="team.j1.v1"}'] > 0)
      assert.is_near(os.time(), seen.process_start_time_seconds, 300)
    end)

    --- The table of src/http/routes.c: "get /ping" by label.
    local function routes()
      local out, labels = {}, {}
      for path, label, methods in program.read('src/http/routes.c'):gmatch('{ "(/[^"]*)", "(%l+)", ([%u |]+),') do
        labels[#labels + 1] = label
        if path:sub(-1) == '/' then path = path .. '{name}' end
        for method in methods:gmatch('%u+') do out[#out + 1] = method:lower() .. ' ' .. path end
      end
      table.sort(out)
      return out, labels
    end

    local function each_ref(doc, f)
      for k, v in pairs(doc) do
        if k == '$ref' then f(v) elseif type(v) == 'table' then each_ref(v, f) end
      end
    end

    it('describes every route', function()
      local doc = json.decode(s:ask('/openapi.json').body)
      assert.equal('3.0.3', doc.openapi)
      assert.is_string(doc.info.title and doc.info.version)
      local paths, ids = {}, {}
      for path, methods in pairs(doc.paths) do
        for method, op in pairs(methods) do
          paths[#paths + 1] = method .. ' ' .. path
          assert.is_nil(ids[op.operationId])
          ids[op.operationId] = true
          for status, response in pairs(op.responses) do
            assert.matches('^[2-5]%d%d$', status)
            assert.is_string(response.description)
          end
          local declared = {}
          for _, p in ipairs(op.parameters or {}) do declared[p.name] = p['in'] == 'path' and p.required or nil end
          for name in path:gmatch('{(%w+)}') do assert.is_true(declared[name]) end
          for _, scheme in ipairs(op.security or {}) do
            for name in pairs(scheme) do assert.is_table(doc.components.securitySchemes[name]) end
          end
          local real = path:gsub('{name}', 'team%%2Fj1.v1') .. (path:match('{name}') and method == 'get' and '?uid=1' or '')
          local r = s:ask(real, { method = method:upper(), body = method == 'post' and '[]' or nil })
          assert.equal(200, r.status)
          local media = next(op.responses['200'].content)
          assert.equal(media, r.headers['content-type']:match('^[^;]+'))
        end
      end
      each_ref(doc, function(ref)
        local at = doc
        for step in ref:gmatch('[^#/]+') do at = assert(at[step], ref) end
      end)
      table.sort(paths)
      assert.equal(11, #paths)
      assert.same(routes(), paths)
    end)

    it('is described in docs/reference/http.md, route by route and series by series', function()
      local page = program.read('docs/reference/http.md')
      for _, route in ipairs((routes())) do
        local method, path = route:match('^(%l+) (.*)$')
        assert.matches('| ' .. method:upper() .. ' `' .. path:gsub('{name}', ':name') .. '`', page, 1, true)
      end
      for name in s:ask('/metrics').body:gmatch('# TYPE (%S+)') do assert.matches('`' .. name .. '`', page, 1, true) end
    end)
  end)

  it('says on stderr where it serves', function()
    assert.matches('serving ' .. data.url .. ' at ' .. s.url .. ' (', s:err(), 1, true)
    assert.equal('http://127.0.0.1:' .. s.port, s.url)
  end)
end)

describe('chronon serve that cannot start', function()
  local data
  setup(function() data = served.new() end)
  teardown(function() data.remove() end)

  local function refused(why, ...)
    local result = program.run({ 'serve', '--store', data.url, ... })
    assert.equal(1, result.code)
    assert.matches(why, result.err, 1, true)
  end

  it('names the port that is taken, and the way out', function()
    local taken, port = require('spec.support.socket').take()
    refused(('127.0.0.1 port %d is in use by another program: --port takes another one'):format(port), '--port', port)
    taken:close()
  end)

  it('names the store that is not there', function()
    local result = program.run({ 'serve', '--store', 'lmdb:' .. data.folder .. '/none' })
    assert.equal(1, result.code)
    assert.matches('none does not exist', result.err, 1, true)
  end)

  it('names a host that is none of this machine', function()
    refused('--host', '--host', 'no.such.host.invalid', '--port', '0')
    refused('192.0.2.1 is no address of this machine', '--host', '192.0.2.1', '--port', '0', '--insecure')
  end)

  it('checks its numbers', function()
    for _, args in ipairs({ { '--port', '65536' }, { '--threads', '0' }, { '--max-body', 'x' } }) do
      local result = program.run({ 'serve', '--store', data.url, args[1], args[2] })
      assert.equal(2, result.code)
      assert.matches(args[1], result.err, 1, true)
    end
  end)
end)
